// Sampler: chooses the next token of one sequence from a row of logits. The order of its stages is the one
// that users of llama.cpp expect:
//
//   logit bias, penalties, top-k, typical, top-p, min-p, temperature, draw
//
// temperature 0 is greedy: bias and penalties, then the largest logit, the lowest id on ties. The draw is a
// function of (seed, position) only, so a sequence gets the same tokens in any batch and any order.
//
// Lifetime: owns all its memory, which create() takes; sample() and accept() allocate nothing unless they
// fail. Move-only. One sequence owns it; not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/status.h"
#include "core/device/token_choice.h"
#include "core/sampling/candidates.h"
#include "core/sampling/logprobs.h"
#include "core/sampling/penalty_window.h"
#include "core/sampling/sampling_params.h"

namespace dunlin {

struct SampledToken {
  int32_t id = -1;
  float logprob = 0.0f;  // of the raw logits, with SamplingParams::logprobs; else 0
};

// The sizes of the model that a sampler serves.
struct SamplerSizes {
  int32_t n_vocab = 0;  // logits in a row
  int32_t n_valid =
      0;  // ids that the tokenizer knows: rows of logits may be longer, and the rest is never chosen
  int32_t n_ctx = 0;  // the longest sequence
};

class Sampler {
 public:
  // Fails if validate() does; 1 <= n_valid <= n_vocab.
  static Result<Sampler> create(const SamplingParams& params, const SamplerSizes& sizes);
  Sampler(Sampler&&) noexcept = default;
  Sampler& operator=(Sampler&&) noexcept = default;

  // logits [n_vocab] of the row; overwritten. position: that of the token to be chosen, counted from the
  // start of the sequence. Errors: a NaN or +inf (its message begins with kNonFiniteLogits), or bans that
  // leave no token.
  Result<SampledToken> sample(std::span<float> logits, uint64_t position);

  // Puts a token into the penalty window: every token of the prompt, then every chosen one; 0 <= token <
  // n_vocab.
  void accept(int32_t token) { penalties_.accept(token); }

  // True if a device that chooses tokens may do what sample() does: no bias, no typical, no report, and the
  // penalties' window is short enough to go with every step.
  bool device_may_choose() const;
  // What such a device must know. With `behind_unknown`, a token that is not known yet stands between those
  // accepted and the one to be chosen, and is the row's own.
  struct DeviceChoice {
    TokenChoice choice;
    std::span<const TokenCount> window;  // valid until the next call
  };
  DeviceChoice choice_for_device(uint64_t position, bool behind_unknown);

  // With logprobs and n_probs: the most probable tokens of the last sample(), best first. Valid until the
  // next.
  std::span<const TokenLogprob> top_logprobs() const {
    return std::span(top_logprobs_).first(n_top_logprobs_);
  }

 private:
  Sampler(const SamplingParams& params, const SamplerSizes& sizes);

  Status record_logprobs(std::span<const float> row, double& log_sum);
  void apply_bias(std::span<float> row) const;
  Result<std::span<Candidate>> select_candidates(std::span<const float> row);
  size_t filter_and_draw(std::span<Candidate> candidates, uint64_t position) const;

  SamplingParams params_;
  SamplerSizes sizes_;
  PenaltyWindow penalties_;
  std::vector<Candidate> candidates_;
  std::vector<TokenLogprob> top_logprobs_;
  size_t n_top_logprobs_ = 0;
  std::vector<float> raw_logits_;          // with logprobs: the row before bias and penalties
  std::vector<TokenCount> window_counts_;  // for choice_for_device()
};

}  // namespace dunlin
