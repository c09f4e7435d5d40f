// TokenChoice: how a device chooses a token from a row of logits. It says what SamplingParams says, in the
// form in which a device needs it: what can be known before the logits are is worked out already.
#pragma once

#include <cstdint>
#include <limits>

namespace dunlin {

// How often a token occurs in the window that penalties look back at.
struct TokenCount {
  int32_t token = 0;
  int32_t count = 0;
};

// Distinct tokens of a window that a step can carry for a row. Longer windows are the host's.
inline constexpr int32_t kMaxWindowTokens = 256;

// In this order: penalties, top-k, top-p, min-p, temperature, draw (core/sampling/sampler.h says what each
// means, core/device/choice_math.h how it is computed). As made, it takes the largest logit, the lowest id of
// equals.
struct TokenChoice {
  float temperature = 1.0f;                                   // above 0
  int32_t top_k = 1;                                          // 0: off
  float top_p = 1.0f;                                         // 1: off
  float log_min_p = -std::numeric_limits<float>::infinity();  // ln(min_p)
  double uniform = 0.0;                                       // the draw, in [0, 1)
  float repeat_penalty = 1.0f;
  float presence_penalty = 0.0f;
  float frequency_penalty = 0.0f;
  // The row's own token is in the window once more than the counts say: the host may not know it yet.
  bool counts_own_token = false;
  // Where the window's counts are, StepInputs::window_counts(); set by StepInputs.
  int32_t first_count = 0;
  int32_t n_counts = 0;

  bool takes_largest_logit() const { return top_k == 1 && n_counts == 0 && !counts_own_token; }
};

}  // namespace dunlin
