#include "core/sampling/sampler.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "core/sampling/philox.h"

namespace dunlin {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

SamplerSizes sizes(int32_t n_vocab) {
  return {n_vocab, n_vocab, 256};
}

SamplingParams greedy() {
  SamplingParams params;
  params.temperature = 0.0f;
  params.top_k = 0;
  return params;
}

// Every filter off: the model's own distribution.
SamplingParams plain() {
  SamplingParams params;
  params.temperature = 1.0f;
  params.top_k = 0;
  params.top_p = 1.0f;
  params.min_p = 0.0f;
  return params;
}

int32_t sample_id(Sampler& sampler, std::vector<float> logits, uint64_t position) {
  return sampler.sample(logits, position).value().id;
}

// The share of each id in many draws.
std::vector<double> shares(const SamplingParams& params, const std::vector<float>& logits) {
  constexpr int kDraws = 40000;
  Sampler sampler = Sampler::create(params, sizes(int32_t(logits.size()))).value();
  std::vector<double> out(logits.size());
  for (int i = 0; i < kDraws; ++i) out[size_t(sample_id(sampler, logits, uint64_t(i)))] += 1.0 / kDraws;
  return out;
}

void check_shares(const std::vector<double>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    if (expected[i] == 0.0) {
      CHECK(found[i] == 0.0);
    } else {
      CHECK(found[i] == Approx(expected[i]).margin(0.0125));  // 5 standard deviations at worst
    }
  }
}

std::vector<float> logs(const std::vector<double>& p) {
  std::vector<float> out;
  for (const double x : p) out.push_back(float(std::log(x)));
  return out;
}

TEST_CASE("greedy takes the largest logit, the lowest id on ties, whatever the filters and the seed") {
  SamplingParams params = greedy();
  params.top_k = GENERATE(0, 3);
  params.seed = 99;
  Sampler sampler = Sampler::create(params, sizes(6)).value();
  CHECK(sample_id(sampler, {1, 7, 3, 7, 7, 0}, 0) == 1);
  CHECK(sample_id(sampler, {-5, -5, -5, -5, -5, -5}, 1) == 0);
  CHECK(sample_id(sampler, {-kInf, -kInf, -kInf, -2, -kInf, -kInf}, 2) == 3);
}

TEST_CASE("without filters the draws follow the softmax") {
  const std::vector<double> p = {0.05, 0.5, 0.15, 0.3};
  check_shares(shares(plain(), logs(p)), p);
}

TEST_CASE("each filter alone") {
  const std::vector<float> logits = logs({0.1, 0.4, 0.2, 0.3});
  SamplingParams params = plain();
  SECTION("top-k") {
    params.top_k = 2;
    check_shares(shares(params, logits), {0, 4.0 / 7, 0, 3.0 / 7});
  }
  SECTION("top-p") {
    params.top_p = 0.71f;
    check_shares(shares(params, logits), {0, 4.0 / 9, 2.0 / 9, 3.0 / 9});
  }
  SECTION("min-p") {
    params.min_p = 0.6f;
    check_shares(shares(params, logits), {0, 4.0 / 7, 0, 3.0 / 7});
  }
  SECTION("typical: the entropy 1.28 is nearest to 0.3 (1.20), then to 0.2 (1.61), then to 0.4 (0.92)") {
    params.typical_p = 0.45f;
    check_shares(shares(params, logits), {0, 0, 0.4, 0.6});
  }
  SECTION("temperature") {
    params.temperature = 0.5f;  // squares
    check_shares(shares(params, logits), {1.0 / 30, 16.0 / 30, 4.0 / 30, 9.0 / 30});
  }
}

TEST_CASE("the chain's order shows in the result") {
  SECTION("top-p sees the mass that top-k left") {
    SamplingParams params = plain();
    params.top_k = 2;
    params.top_p = 0.55f;  // 0.4 / 0.7 = 0.57 suffices; of the whole, 0.4 would not
    check_shares(shares(params, logs({0.1, 0.4, 0.2, 0.3})), {0, 1, 0, 0});
  }
  SECTION("temperature comes after the filters") {
    SamplingParams params = plain();
    params.top_p = 0.39f;  // keeps one; after a temperature of 10 it would keep two
    params.temperature = 10.0f;
    check_shares(shares(params, logs({0.1, 0.4, 0.2, 0.3})), {0, 1, 0, 0});
  }
  SECTION("penalties come after bias and before top-k") {
    SamplingParams params = greedy();
    params.repeat_penalty = 2.0f;
    params.logit_bias = {{0, 4.0f}};
    Sampler sampler = Sampler::create(params, sizes(2)).value();
    sampler.accept(0);
    CHECK(sample_id(sampler, {2.0f, 3.5f}, 0) == 1);  // (2 + 4) / 2 < 3.5, but 2 / 2 + 4 would win
    CHECK(sample_id(sampler, {2.0f, 2.9f}, 1) == 0);
  }
}

TEST_CASE("bias moves a logit, -100 bans it") {
  SamplingParams params = greedy();
  params.logit_bias = {{0, -100.0f}, {2, 1.5f}};
  Sampler sampler = Sampler::create(params, sizes(3)).value();
  CHECK(sample_id(sampler, {1000, 2, 1}, 0) == 2);
  CHECK(sample_id(sampler, {1000, 3, 1}, 1) == 1);

  SamplingParams drawn = plain();
  drawn.logit_bias = {{1, -100.0f}, {3, float(std::log(2.0))}};
  check_shares(shares(drawn, logs({0.1, 0.5, 0.2, 0.1})), {0.2, 0, 0.4, 0.4});
}

TEST_CASE("penalties follow the accepted tokens through their window") {
  SamplingParams params = greedy();
  params.presence_penalty = 2.0f;
  params.repeat_last_n = 2;
  Sampler sampler = Sampler::create(params, sizes(3)).value();
  const std::vector<float> logits = {3, 2, 0.5f};
  std::vector<int32_t> text;
  for (uint64_t i = 0; i < 6; ++i) {
    text.push_back(sample_id(sampler, logits, i));
    sampler.accept(text.back());
  }
  // 3 2 .5 -> 0; 1 2 .5 -> 1; 1 0 .5 -> 0; (0 stays in the window, 1 leaves with the next) 1 0 .5 -> 0; 1 2
  // .5 -> 1
  CHECK(text == std::vector<int32_t>{0, 1, 0, 0, 1, 0});
}

TEST_CASE("ids beyond the tokenizer are never chosen and never looked at") {
  SamplingParams params = GENERATE(greedy(), plain());
  params.logprobs = true;
  params.n_probs = 5;
  params.logit_bias = {{3, 5.0f}};
  params.presence_penalty = 1.0f;
  Sampler sampler = Sampler::create(params, {4, 2, 16}).value();
  sampler.accept(3);
  for (uint64_t i = 0; i < 50; ++i) {
    std::vector<float> logits = {-90, 1, std::numeric_limits<float>::quiet_NaN(), 50};
    const SampledToken token = sampler.sample(logits, i).value();
    REQUIRE(token.id == 1);
    REQUIRE(token.logprob == Approx(0.0f).margin(1e-6));
    REQUIRE(sampler.top_logprobs().size() == 2);
  }
}

TEST_CASE("a draw depends on seed and position only") {
  constexpr int32_t kVocab = 500;
  std::vector<float> logits(kVocab);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = float(4.0 * uniform_draw(5, i));
  SamplingParams params = plain();
  params.top_k = GENERATE(0, 40);
  params.seed = 0xDEADBEEF12345678u;
  Sampler forwards = Sampler::create(params, sizes(kVocab)).value();
  Sampler backwards = Sampler::create(params, sizes(kVocab)).value();
  params.seed += 1;
  Sampler other = Sampler::create(params, sizes(kVocab)).value();

  constexpr uint64_t kPositions = 64;
  std::vector<int32_t> first(kPositions), second(kPositions), third(kPositions);
  for (uint64_t i = 0; i < kPositions; ++i) {
    first[i] = sample_id(forwards, logits, i);
    second[kPositions - 1 - i] = sample_id(backwards, logits, kPositions - 1 - i);
    third[i] = sample_id(other, logits, i);
  }
  CHECK(first == second);
  CHECK(first != third);
  CHECK(std::set<int32_t>(first.begin(), first.end()).size() > 10);
}

TEST_CASE("log-probabilities are those of the raw logits") {
  SamplingParams params = greedy();
  params.logprobs = true;
  params.n_probs = 2;
  params.logit_bias = {{0, 50.0f}};
  params.repeat_penalty = 3.0f;
  Sampler sampler = Sampler::create(params, sizes(4)).value();
  sampler.accept(1);
  std::vector<float> logits = logs({0.1, 0.4, 0.2, 0.3});
  const SampledToken token = sampler.sample(logits, 0).value();
  CHECK(token.id == 0);
  CHECK(token.logprob == Approx(std::log(0.1)).margin(1e-6));
  const auto top = sampler.top_logprobs();
  REQUIRE(top.size() == 2);
  CHECK(top[0].id == 1);
  CHECK(top[0].logprob == Approx(std::log(0.4)).margin(1e-6));
  CHECK(top[1].id == 3);
  CHECK(top[1].logprob == Approx(std::log(0.3)).margin(1e-6));
}

TEST_CASE("broken rows end the request with a reason") {
  SamplingParams params = GENERATE(greedy(), plain(), SamplingParams{});
  params.top_k = std::min(params.top_k, 3);
  params.logprobs = GENERATE(false, true);
  params.logit_bias = {{2, -100.0f}};
  Sampler sampler = Sampler::create(params, sizes(3)).value();
  for (const float bad : {kInf, std::numeric_limits<float>::quiet_NaN()}) {
    for (size_t at = 0; at < 3; ++at) {
      std::vector<float> logits = {1, 2, 3};
      logits[at] = bad;
      const auto result = sampler.sample(logits, 0);
      REQUIRE_FALSE(result.is_ok());
      CHECK(result.message().find(kNonFiniteLogits) == 0);
    }
  }
  std::vector<float> none = {-kInf, -kInf, -kInf};
  CHECK(sampler.sample(none, 0).status().code() == StatusCode::kInvalidArgument);
  std::vector<float> banned = {-kInf, -kInf, 1};
  CHECK(sampler.sample(banned, 0).status().code() == StatusCode::kInvalidArgument);
  // The sampler is as good as before.
  CHECK(sample_id(sampler, {-kInf, 1, 1}, 0) == 1);
}

TEST_CASE("create refuses bad parameters") {
  SamplingParams params;
  params.top_p = 1.5f;
  CHECK(Sampler::create(params, sizes(300)).status().code() == StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace dunlin
