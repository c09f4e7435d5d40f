// Candidates: the tokens that are still in the race, and how they are picked from a row of logits without
// sorting the vocabulary. Pure functions on memory of the caller; nothing here allocates on success.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/status.h"

namespace dunlin {

struct Candidate {
  int32_t id;
  float logit;
  uint64_t mass;  // scratch of the filter at work: its unnormalized probability, core/device/choice_math.h
};

// The one order of candidates: larger logit first, then lower id. Total, so every result is reproducible.
inline bool ranks_before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

// The out.size() best of logits, best first; fewer if fewer are above -inf. One pass with a heap of
// out.size(): about one compare per logit. A NaN or +inf is an error that begins with kNonFiniteLogits.
Result<size_t> select_top(std::span<const float> logits, std::span<Candidate> out);

// All logits above -inf, in id order. out holds at least logits.size(). Errors as select_top.
Result<size_t> collect_all(std::span<const float> logits, std::span<Candidate> out);

inline constexpr const char* kNonFiniteLogits = "non_finite_logits";

}  // namespace dunlin
