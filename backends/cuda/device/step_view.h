// The step as kernels see it: arrays in device memory at addresses that never change. Filled by step_begin
// from what the host wrote to pinned memory. Plain data for host and device.
#pragma once

#include <cstdint>

#include "core/device/token_choice.h"

namespace dunlin::cuda {

// One sequence's part of a step; the device's form of StepSequence.
struct SequenceView {
  int32_t first_row;
  int32_t n_rows;
  int32_t kv_begin;  // position of its first row
  int32_t reserved;
};

struct StepView {
  const int32_t* counts;        // [4], see StepCount
  const int32_t* tokens;        // [row]
  const int32_t* positions;     // [row]
  const int32_t* row_sequence;  // [row]
  const int32_t* logit_rows;    // [logit row]
  const SequenceView* sequences;
  const int32_t* block_tables;  // [sequence][n_blocks_per_sequence]
  const TokenChoice* choices;   // [logit row]; of steps that sample, as are the
  const TokenCount* window_counts;
  int32_t n_blocks_per_sequence;
  int32_t reserved;
};

// The last: words of choices and window_counts in the step's image, for step_begin.
enum StepCount : int32_t { kStepRows = 0, kStepSequences = 1, kStepLogitRows = 2, kStepChoiceWords = 3 };

}  // namespace dunlin::cuda
