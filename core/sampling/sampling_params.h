// SamplingParams: what a request may say about how its next token is chosen. Plain data, checked once by
// validate() before a Sampler is made of it.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/status.h"

namespace dunlin {

struct LogitBias {
  int32_t id = 0;
  float bias = 0.0f;  // added to the logit; kBanBias or less removes the token
};

inline constexpr float kBanBias = -100.0f;
inline constexpr int32_t kMaxLogitBiases = 1024;
inline constexpr int32_t kMaxTopLogprobs = 20;

struct SamplingParams {
  float temperature = 0.8f;     // 0..10; 0 = greedy: filters and seed do nothing
  int32_t top_k = 40;           // 0..n_vocab; 0 = off
  float top_p = 0.95f;          // 0..1; 1 = off
  float min_p = 0.05f;          // 0..1; 0 = off
  float typical_p = 1.0f;       // 0..1; 1 = off
  float repeat_penalty = 1.0f;  // 0.1..10; 1 = off
  int32_t repeat_last_n = 64;   // -1..n_ctx: tokens that the three penalties look back at; -1 = all, 0 = off
  float presence_penalty = 0.0f;      // -2..2
  float frequency_penalty = 0.0f;     // -2..2
  std::vector<LogitBias> logit_bias;  // at most kMaxLogitBiases; biases of -100..100
  uint64_t seed = 0;
  bool logprobs = false;  // report log-probabilities; costs one more pass over the vocabulary
  int32_t n_probs = 0;    // 0..20: with logprobs, the most probable tokens to report beside the chosen one
};

// The first field out of its range, by name and with the range. n_vocab is the number of logits in a row,
// n_ctx the longest sequence.
Status validate(const SamplingParams& params, int32_t n_vocab, int32_t n_ctx);

}  // namespace dunlin
