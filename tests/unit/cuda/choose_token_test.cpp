// The way in which CUDA devices choose tokens gives the tokens of the host's Sampler, all of them. The code
// is the device's own, compiled for the host.
#include <catch2/catch.hpp>
#include <limits>
#include <random>
#include <vector>

#include "core/sampling/filters.h"
#include "core/sampling/sampler.h"
#include "tests/support/emulated_choice.h"

using namespace dunlin;
using namespace dunlin::testing;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

SamplingParams plain(float temperature = 1.0f) {
  SamplingParams p;
  p.temperature = temperature;
  p.top_k = 0, p.top_p = 1.0f, p.min_p = 0.0f;
  return p;
}

// What people ask for, each filter alone and together, and values at the ends of their ranges.
std::vector<SamplingParams> all_params() {
  std::vector<SamplingParams> all{SamplingParams{}, plain(), plain(0.0f), plain(10.0f), plain(1e-3f)};
  for (const int32_t top_k : {0, 1, 2, 40, 256, 257, 1000})
    for (const float top_p : {0.0f, 0.3f, 0.95f, 0.999f, 1.0f})
      for (const float min_p : {0.0f, 1e-4f, 0.05f, 1.0f})
        for (const float temperature : {0.7f, 1.5f}) {
          SamplingParams p;
          p.temperature = temperature;
          p.top_k = top_k, p.top_p = top_p, p.min_p = min_p;
          all.push_back(p);
        }
  SamplingParams penalized;
  penalized.repeat_penalty = 1.3f, penalized.presence_penalty = 0.4f, penalized.frequency_penalty = 0.2f;
  all.push_back(penalized);
  penalized.temperature = 0.0f;
  all.push_back(penalized);
  penalized.temperature = 1.0f, penalized.repeat_last_n = 3;
  all.push_back(penalized);
  return all;
}

std::vector<float> normal_logits(size_t n, float mean, float deviation, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(mean, deviation);
  std::vector<float> logits(n);
  for (float& x : logits) x = normal(random);
  return logits;
}

// Both choices for one row; the window holds the text.
struct Both {
  int32_t host;
  int32_t device;
};

Both choose(const SamplingParams& params, std::vector<float> logits, int32_t n_valid,
            const std::vector<int32_t>& text, bool behind_unknown = false) {
  const auto n = int32_t(logits.size());
  Sampler host = Sampler::create(params, {n, n_valid, 4096}).value();
  Sampler device = Sampler::create(params, {n, n_valid, 4096}).value();
  for (size_t i = 0; i < text.size(); ++i) {
    host.accept(text[i]);
    if (!behind_unknown || i + 1 < text.size()) device.accept(text[i]);
  }
  REQUIRE(device.device_may_choose());
  const auto how = device.choice_for_device(text.size(), behind_unknown);
  std::vector<float> row(logits.begin(), logits.begin() + n_valid);
  const int32_t token = emulated_choice(row, how.choice, how.window, text.empty() ? 0 : text.back());
  return {host.sample(logits, text.size()).value().id, token};
}

void check_all(const std::vector<float>& logits, int32_t n_valid, uint64_t n_seeds) {
  for (SamplingParams params : all_params()) {
    if (params.top_k > int32_t(logits.size())) continue;
    for (uint64_t seed = 0; seed < n_seeds; ++seed) {
      params.seed = seed;
      const Both both = choose(params, logits, n_valid, {3, 7, 3, 1, 0});
      CAPTURE(logits.size(), n_valid, params.temperature, params.top_k, params.top_p, params.min_p, seed);
      REQUIRE(both.device == both.host);
    }
  }
}

}  // namespace

TEST_CASE("the device's choice is the Sampler's, for distributions of every shape") {
  check_all(normal_logits(4000, 0, 3, 1), 3991, 20);     // as of a model
  check_all(normal_logits(4000, 30, 0.3f, 2), 4000, 5);  // flat: nuclei go further than lists
  check_all(normal_logits(4000, -5, 20, 3), 4000, 5);    // far apart: most have no mass
  check_all(normal_logits(4000, 0, 1e-6f, 4), 4000, 5);  // closer than steps of a distance
  check_all(normal_logits(9, 0, 1, 5), 8, 20);
  check_all({1.5f}, 1, 1);
}

TEST_CASE("the device's choice is the Sampler's over vocabularies of real sizes") {
  for (const int32_t n : {32000, 151936, 262144}) {
    const std::vector<float> logits = normal_logits(size_t(n), 1, 2.5f, uint64_t(n));
    for (SamplingParams params : {SamplingParams{}, plain(0.8f), plain(0.0f)}) {
      for (uint64_t seed = 0; seed < 4; ++seed) {
        params.seed = seed;
        const Both both = choose(params, logits, n - 271, {5, 6});
        CAPTURE(n, params.temperature, params.top_k, seed);
        CHECK(both.device == both.host);
      }
    }
  }
}

TEST_CASE("equal logits go by id") {
  std::vector<float> logits(3000, 0.0f);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = float(i % 5) - 2.0f;
  logits[17] = -0.0f;
  check_all(logits, 3000, 5);
  check_all(std::vector<float>(3000, -7.25f), 2999, 5);
}

TEST_CASE("a draw on the border of two candidates takes the second, a hair below it the first") {
  for (const int32_t top_k : {0, 2}) {
    TokenChoice choice;
    choice.top_k = top_k;
    for (const double uniform : {0.0, 0.5 - 0x1p-41, 0.5, 1.0 - 0x1p-53}) {
      choice.uniform = uniform;
      std::vector<float> logits{-kInf, 2.5f, -kInf, 2.5f, -kInf};
      std::vector<Candidate> candidates{{3, 2.5f, 0}, {1, 2.5f, 0}};
      const int32_t expected = uniform < 0.5 ? 1 : 3;
      CAPTURE(top_k, uniform);
      CHECK(emulated_choice(logits, choice, {}, 0) == expected);
      CHECK(candidates[draw(candidates, 1.0f, uniform)].id == expected);
    }
  }
}

TEST_CASE("logits at -inf are never chosen, and may be most of them") {
  std::vector<float> logits(5000, -kInf);
  for (const size_t id : {7u, 63u, 64u, 2900u, 4999u}) logits[id] = float(id % 7);
  check_all(logits, 5000, 10);
}

TEST_CASE("rows with NaN or +inf, and rows of -inf only, give no token") {
  for (const float bad : {kInf, std::numeric_limits<float>::quiet_NaN()}) {
    for (const size_t at : {size_t(0), size_t(777), size_t(4999)}) {
      std::vector<float> logits = normal_logits(5000, 0, 1, 9);
      logits[at] = bad;
      CHECK(emulated_choice(logits, {}, {}, 0) == -1);
      TokenChoice drawn;
      drawn.top_k = 0;
      CHECK(emulated_choice(logits, drawn, {}, 0) == -1);
    }
  }
  std::vector<float> none(100, -kInf);
  CHECK(emulated_choice(none, {}, {}, 0) == -1);
}

TEST_CASE("a token that the host does not know yet counts in the device's window") {
  std::mt19937_64 random(11);
  for (const int32_t last_n : {0, 1, 2, 5, 200}) {
    SamplingParams params = plain(1.0f);
    params.repeat_last_n = last_n;
    params.repeat_penalty = 1.5f, params.frequency_penalty = 0.7f, params.presence_penalty = -0.5f;
    for (uint64_t round = 0; round < 60; ++round) {
      params.seed = round;
      std::vector<int32_t> text(1 + random() % 12);
      for (int32_t& token : text) token = int32_t(random() % 6);
      const Both both = choose(params, normal_logits(8, 0, 1, round), 8, text, true);
      CAPTURE(last_n, round);
      CHECK(both.device == both.host);
    }
  }
}

TEST_CASE("what a device may not choose stays with the host") {
  const auto may = [](const SamplingParams& params) {
    return Sampler::create(params, {1000, 1000, 4096}).value().device_may_choose();
  };
  CHECK(may({}));
  CHECK(may(plain(0.0f)));
  SamplingParams biased;
  biased.logit_bias = {{1, 1.0f}};
  CHECK_FALSE(may(biased));
  SamplingParams typical;
  typical.typical_p = 0.9f;
  CHECK_FALSE(may(typical));
  typical.temperature = 0.0f;  // greedy has no filters
  CHECK(may(typical));
  SamplingParams reported;
  reported.logprobs = true;
  CHECK_FALSE(may(reported));
  SamplingParams penalized;
  penalized.presence_penalty = 1.0f;
  CHECK(may(penalized));
  penalized.repeat_last_n = kMaxWindowTokens;
  CHECK(may(penalized));
  penalized.repeat_last_n = kMaxWindowTokens + 1;
  CHECK_FALSE(may(penalized));
  penalized.repeat_last_n = -1;
  CHECK_FALSE(may(penalized));
  penalized.presence_penalty = 0.0f;
  CHECK(may(penalized));
}
