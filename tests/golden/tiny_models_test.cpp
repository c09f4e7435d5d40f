// A tiny model of every architecture against the float64 oracle of oracle.py, from every container it comes
// in.
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/support/engines.h"

using namespace dunlin;
using namespace dunlin::testing;

namespace {

// Dense weights keep f32 activations; Q8_0 weights meet 8-bit activations on the CPU (docs/numerics.md).
constexpr double kDenseTolerance = 1e-3;
constexpr double kQuantizedTolerance = 3e-2;

struct Case {
  const char* path;
  const char* expected;
  double tolerance;
};

constexpr Case kCases[] = {
    {"tiny-llama", "tiny-llama", kDenseTolerance},
    {"tiny-llama/tiny-llama-f16.gguf", "tiny-llama", kDenseTolerance},
    {"tiny-llama/tiny-llama-q8_0.gguf", "tiny-llama-q8_0", kQuantizedTolerance},
    {"tiny-mistral", "tiny-mistral", kDenseTolerance},
    {"tiny-mistral/tiny-mistral-bf16.gguf", "tiny-mistral", kDenseTolerance},
    {"tiny-mistral/tiny-mistral-q8_0.gguf", "tiny-mistral-q8_0", kQuantizedTolerance},
    {"tiny-qwen2", "tiny-qwen2", kDenseTolerance},
    {"tiny-qwen2/tiny-qwen2-f16.gguf", "tiny-qwen2", kDenseTolerance},
    {"tiny-qwen2/tiny-qwen2-q8_0.gguf", "tiny-qwen2-q8_0", kQuantizedTolerance},
    {"tiny-qwen3", "tiny-qwen3", kDenseTolerance},
    {"tiny-qwen3/tiny-qwen3-f32.gguf", "tiny-qwen3", kDenseTolerance},
    {"tiny-qwen3/tiny-qwen3-q8_0.gguf", "tiny-qwen3-q8_0", kQuantizedTolerance},
};

double relative_l2(const std::vector<float>& actual, const std::vector<float>& expected) {
  double difference = 0, energy = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double d = double(actual[i]) - double(expected[i]);
    difference += d * d;
    energy += double(expected[i]) * double(expected[i]);
  }
  return std::sqrt(difference / energy);
}

void check_case(const Case& c, const std::string& device, double tolerance) {
  const auto model = open_model(str_cat("tests/data/golden/", c.path));
  const auto expected = nlohmann::json::parse(read_text(str_cat("tests/data/golden/", c.expected, ".json")));
  EngineOptions options;
  options.device = device;
  options.n_ctx = 64;
  const auto engine = open_engine(model, options);
  for (const auto& entry : expected) {
    INFO(c.path << " on " << device);
    const auto ids = entry["ids"].get<std::vector<int32_t>>();
    for (const bool fuse : {true, false})
      CHECK(relative_l2(last_logits(*model, device, ids, fuse), entry["logits"].get<std::vector<float>>()) <
            tolerance);
    // Greedy text follows small errors of the logits: it is compared where there are none.
    if (tolerance == kDenseTolerance)
      CHECK(run(*engine, greedy_request(ids, 16)).tokens == entry["greedy_16"].get<std::vector<int32_t>>());
  }
}

}  // namespace

TEST_CASE("tiny models on every device") {
  for (const Case& c : kCases)
    for (const std::string& device : device_ids())
      check_case(c, device, device == "reference" ? kDenseTolerance : c.tolerance);
}
