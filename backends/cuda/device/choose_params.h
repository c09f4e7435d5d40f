// Parameters of the kernels of ops/sample.cu, and how they divide the work. Plain data for host and device.
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/device/token_choice.h"

namespace dunlin::cuda {

static_assert(std::is_trivially_copyable_v<TokenChoice> && sizeof(TokenChoice) == 48);

// A row is looked at by kChoiceParts CTAs, each a slice of ids, and by kChoicePeaks warps, each of which
// leaves its largest logit.
inline constexpr int32_t kChoiceParts = 32;
inline constexpr int32_t kChoicePeaks = 256;
inline constexpr int32_t kPartWarps = kChoicePeaks / kChoiceParts;
// Logits of a row that are collected at most; where more are in question, the whole row is searched.
inline constexpr int32_t kChoiceListCapacity = 2048;

struct ChooseParams {
  float* logits;               // [rows][n]; penalties are applied in place
  const int32_t* counts;       // StepView::counts
  const int32_t* tokens;       // [step row]
  const int32_t* rows;         // [row]: its row in the step
  const TokenChoice* choices;  // [row]
  const TokenCount* window_counts;
  float* peaks;         // [rows][kChoicePeaks]; +inf if a logit is NaN or +inf
  uint64_t* part_mass;  // [rows][kChoiceParts]
  int32_t* n_listed;    // [rows]; may exceed the capacity
  int32_t* list_ids;    // [rows][kChoiceListCapacity], in no order
  float* list_logits;
  int32_t* chosen;  // [rows]: the token, or -1
  int32_t n;        // logits in a row
  int32_t n_valid;  // that may be chosen
};
static_assert(std::is_trivially_copyable_v<ChooseParams> && sizeof(ChooseParams) == 104);

}  // namespace dunlin::cuda
