#include "core/sampling/logprobs.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

namespace dunlin {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

TEST_CASE("log-probabilities by hand") {
  const float offset = GENERATE(0.0f, 1e4f, -1e4f);
  // Powers of two survive the offset exactly: probabilities 1/2, 1/4, 1/8, 1/8.
  const float ln2 = 0.6875f;
  std::vector<float> logits = {offset - 3 * ln2, offset - ln2, offset - 2 * ln2, offset - 3 * ln2};
  double sum = 0.0;
  for (const float x : logits) sum += std::exp(double(x) - double(offset));
  const double log_sum = log_sum_exp(logits).value();
  CHECK(log_sum == Approx(double(offset) + std::log(sum)).margin(1e-7));

  std::vector<Candidate> scratch(3);
  std::vector<TokenLogprob> top(3);
  REQUIRE(top_logprobs(logits, log_sum, scratch, top).value() == 3);
  CHECK(top[0].id == 1);
  CHECK(top[1].id == 2);
  CHECK(top[2].id == 0);  // 0 and 3 tie
  for (const TokenLogprob& t : top) {
    CHECK(t.logprob == logprob_of(logits, log_sum, t.id));
    CHECK(t.logprob == Approx(double(logits[size_t(t.id)]) - double(offset) - std::log(sum)).margin(1e-6));
  }
}

TEST_CASE("the probabilities sum to one over a large vocabulary") {
  std::vector<float> logits(152064);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = std::sin(float(i)) * 12.0f;
  const double log_sum = log_sum_exp(logits).value();
  double total = 0.0;
  for (size_t i = 0; i < logits.size(); ++i) total += std::exp(double(logits[i]) - log_sum);
  CHECK(total == Approx(1.0).margin(1e-6));
}

TEST_CASE("impossible tokens have no log-probability, and impossible rows are errors") {
  std::vector<float> logits = {-kInf, 1.0f, -kInf};
  const double log_sum = log_sum_exp(logits).value();
  CHECK(log_sum == Approx(1.0));
  CHECK(logprob_of(logits, log_sum, 0) == -kInf);
  std::vector<Candidate> scratch(3);
  std::vector<TokenLogprob> top(3);
  CHECK(top_logprobs(logits, log_sum, scratch, top).value() == 1);

  logits[1] = -kInf;
  CHECK(log_sum_exp(logits).status().code() == StatusCode::kInvalidArgument);
  logits[1] = kInf;
  CHECK(log_sum_exp(logits).status().code() == StatusCode::kInternal);
  logits[1] = std::numeric_limits<float>::quiet_NaN();
  CHECK(log_sum_exp(logits).status().code() == StatusCode::kInternal);
}

}  // namespace
}  // namespace dunlin
