// fairy-4m against an independent float64 forward pass over its bf16 weights.
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/support/engines.h"

using namespace dunlin;
using namespace dunlin::testing;

namespace {

constexpr const char* kGolden = "tests/data/golden/fairy-4m-bf16.json";
constexpr double kTolerance = 1e-3;

nlohmann::json golden() {
  return nlohmann::json::parse(read_text(kGolden));
}

double l2(const std::vector<float>& v) {
  double sum = 0;
  for (const float x : v) sum += double(x) * double(x);
  return std::sqrt(sum);
}

}  // namespace

TEST_CASE("prompts give the golden token ids from both containers") {
  for (const char* path : {kFairyGguf, kFairyDirectory}) {
    const auto model = open_model(path);
    for (const auto& entry : golden()) {
      const auto ids = model->tokenizer().encode(entry["prompt"].get<std::string>(), {true, true});
      REQUIRE(ids.is_ok());
      CHECK(*ids == entry["ids"].get<std::vector<int32_t>>());
    }
  }
}

// The weights are bf16 and activations f32 on every device, so all of them meet the tolerance.
TEST_CASE("logits from the SafeTensors directory agree with float64") {
  const auto model = open_model(kFairyDirectory);
  for (const std::string& device : device_ids()) {
    for (const auto& entry : golden()) {
      INFO(device << ": " << entry["prompt"]);
      const auto logits = last_logits(*model, device, entry["ids"].get<std::vector<int32_t>>());
      CHECK(std::fabs(l2(logits) / entry["logits_l2"].get<double>() - 1) < kTolerance);
      for (size_t i = 0; i < entry["top10_ids"].size(); ++i) {
        const double expected = entry["top10_logits"][i];
        CHECK(std::fabs(double(logits[entry["top10_ids"][i]]) - expected) < kTolerance * std::fabs(expected));
      }
    }
  }
}

TEST_CASE("prompt tokens have the golden likelihoods, and greedy text is the golden one") {
  const auto model = open_model(kFairyDirectory);
  for (const std::string& device : device_ids()) {
    EngineOptions options;
    options.device = device;
    options.n_ctx = 128;
    const auto engine = open_engine(model, options);
    for (const auto& entry : golden()) {
      INFO(device << ": " << entry["prompt"]);
      const auto ids = entry["ids"].get<std::vector<int32_t>>();
      CHECK(run(*engine, greedy_request(ids, 32)).tokens == entry["greedy_32"].get<std::vector<int32_t>>());
      GenerationRequest score;
      score.prompt = ids;
      score.score_from = 1;
      const Outcome outcome = run(*engine, std::move(score));
      const auto nll = entry["prompt_nll"].get<std::vector<double>>();
      REQUIRE(outcome.scores.size() == nll.size());
      for (size_t i = 0; i < nll.size(); ++i)
        CHECK(-double(outcome.scores[i]) == Approx(nll[i]).epsilon(kTolerance).margin(kTolerance));
    }
  }
}
