#include <catch2/catch.hpp>
#include <limits>

#include "core/sampling/sampling_params.h"

namespace dunlin {
namespace {

constexpr int32_t kVocab = 100;
constexpr int32_t kContext = 200;

// `field` takes both ends of its range and nothing beyond; an error begins with the field's name.
template <typename T>
void check_range(T SamplingParams::*field, const char* name, T lowest, T highest, T step) {
  for (const T value : {lowest, highest, T(lowest - step), T(highest + step)}) {
    CAPTURE(name, value);
    SamplingParams params;
    params.*field = value;
    const Status status = validate(params, kVocab, kContext);
    const bool inside = value >= lowest && value <= highest;
    CHECK(status.is_ok() == inside);
    if (!inside) CHECK(status.code() == StatusCode::kInvalidArgument);
    if (!inside) CHECK(status.message().find(name) == 0);
  }
}

TEST_CASE("the defaults of the sampling parameters are valid") {
  CHECK(validate(SamplingParams{}, kVocab, kContext).is_ok());
}

TEST_CASE("each sampling parameter has its range") {
  check_range(&SamplingParams::temperature, "temperature", 0.0f, 10.0f, 0.01f);
  check_range(&SamplingParams::top_k, "top_k", 0, kVocab, 1);
  check_range(&SamplingParams::top_p, "top_p", 0.0f, 1.0f, 0.01f);
  check_range(&SamplingParams::min_p, "min_p", 0.0f, 1.0f, 0.01f);
  check_range(&SamplingParams::typical_p, "typical_p", 0.0f, 1.0f, 0.01f);
  check_range(&SamplingParams::repeat_penalty, "repeat_penalty", 0.1f, 10.0f, 0.01f);
  check_range(&SamplingParams::repeat_last_n, "repeat_last_n", -1, kContext, 1);
  check_range(&SamplingParams::presence_penalty, "presence_penalty", -2.0f, 2.0f, 0.01f);
  check_range(&SamplingParams::frequency_penalty, "frequency_penalty", -2.0f, 2.0f, 0.01f);
  check_range(&SamplingParams::n_probs, "n_probs", 0, kMaxTopLogprobs, 1);
}

TEST_CASE("NaN is in no range") {
  SamplingParams params;
  params.temperature = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(validate(params, kVocab, kContext).is_ok());
}

TEST_CASE("logit_bias is bounded in ids, values and number") {
  const auto is_valid = [](std::vector<LogitBias> biases) {
    SamplingParams params;
    params.logit_bias = std::move(biases);
    return validate(params, kVocab, kContext).is_ok();
  };
  CHECK(is_valid({{0, -100.0f}, {kVocab - 1, 100.0f}}));
  CHECK_FALSE(is_valid({{-1, 0.0f}}));
  CHECK_FALSE(is_valid({{kVocab, 0.0f}}));
  CHECK_FALSE(is_valid({{0, 100.5f}}));
  CHECK_FALSE(is_valid({{0, -100.5f}}));
  CHECK_FALSE(is_valid({{0, std::numeric_limits<float>::quiet_NaN()}}));
  CHECK(is_valid(std::vector<LogitBias>(kMaxLogitBiases)));
  CHECK_FALSE(is_valid(std::vector<LogitBias>(kMaxLogitBiases + 1)));
}

}  // namespace
}  // namespace dunlin
