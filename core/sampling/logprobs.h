// Log-probabilities of a row of raw logits: what the model itself believed, before bias, penalties, filters
// and temperature. Pure functions on memory of the caller; no allocation on success.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/status.h"
#include "core/sampling/candidates.h"

namespace dunlin {

struct TokenLogprob {
  int32_t id = -1;
  float logprob = 0.0f;  // natural logarithm
};

// ln(sum of exp(logits)), accumulated in double. A NaN, a +inf, or a row of only -inf is an error.
Result<double> log_sum_exp(std::span<const float> logits);

// ln(softmax(logits)[id]), given the row's log_sum_exp.
inline float logprob_of(std::span<const float> logits, double log_sum, int32_t id) {
  return float(double(logits[size_t(id)]) - log_sum);
}

// The out.size() most probable tokens, best first, the lower id on ties; fewer if fewer are possible. scratch
// holds at least out.size().
Result<size_t> top_logprobs(std::span<const float> logits, double log_sum, std::span<Candidate> scratch,
                            std::span<TokenLogprob> out);

}  // namespace dunlin
