// Counts the heap allocations of this executable: after create(), a sampler makes none.
#include <catch2/catch.hpp>
#include <vector>

#include "core/sampling/philox.h"
#include "core/sampling/sampler.h"
#include "tests/support/allocation_watch.h"

namespace dunlin {
namespace {

constexpr int32_t kVocab = 5000;

SamplingParams every_stage() {
  SamplingParams params;
  params.typical_p = 0.9f;
  params.repeat_penalty = 1.1f;
  params.presence_penalty = 0.5f;
  params.frequency_penalty = 0.5f;
  params.logit_bias = {{1, -100.0f}, {2, 3.0f}};
  params.logprobs = true;
  params.n_probs = 20;
  return params;
}

int64_t allocations_of(const SamplingParams& params) {
  Sampler sampler = Sampler::create(params, {kVocab, kVocab - 10, 300}).value();
  std::vector<float> logits(kVocab);
  const int64_t before = test::n_allocations();
  for (uint64_t step = 0; step < 400; ++step) {
    for (size_t i = 0; i < logits.size(); ++i) logits[i] = float(10.0 * uniform_draw(step, i));
    const auto token = sampler.sample(logits, step);
    if (!token.is_ok()) return -1;
    sampler.accept(token.value().id);
  }
  return test::n_allocations() - before;
}

TEST_CASE("the counter counts") {
  const int64_t before = test::n_allocations();
  std::vector<int> some(100);
  CHECK(test::n_allocations() - before == 1);
}

TEST_CASE("what a device must know is told without allocation") {
  SamplingParams params;
  params.presence_penalty = 0.5f;
  Sampler sampler = Sampler::create(params, {kVocab, kVocab, 300}).value();
  const int64_t before = test::n_allocations();
  size_t n_counts = 0;
  for (uint64_t step = 0; step < 400; ++step) {
    sampler.accept(int32_t(uniform_draw(4, step) * 100));
    for (const bool behind_unknown : {false, true})
      n_counts += sampler.choice_for_device(step, behind_unknown).window.size();
  }
  CHECK(test::n_allocations() == before);
  CHECK(n_counts > 400);
}

TEST_CASE("sample and accept allocate nothing") {
  CHECK(allocations_of(SamplingParams{}) == 0);
  SamplingParams params = every_stage();
  CHECK(allocations_of(params) == 0);
  params.repeat_last_n = -1;
  params.top_k = 0;
  CHECK(allocations_of(params) == 0);
  params.temperature = 0.0f;
  CHECK(allocations_of(params) == 0);
}

}  // namespace
}  // namespace dunlin
