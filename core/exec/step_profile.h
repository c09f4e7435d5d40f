// Where the time of one step goes: the step is made up on real keys and values, checked, and measured.
#pragma once

#include <span>
#include <vector>

#include "core/exec/executor.h"

namespace dunlin {

struct ProfileOptions {
  int32_t n_rows = 1;  // of each sequence: one decodes, more are a prompt's
  int32_t n_sequences = 1;
  int32_t depth = 0;  // tokens in each sequence's context before the step
  int32_t n_repeats = 32;
};

struct StepProfile {
  StepTimes times;
  bool same_tokens = false;   // the measured step chose the tokens of the unmeasured one
  Device::Counters counters;  // of the unmeasured step alone
};

// blocks: by sequence, KV blocks for depth + n_rows positions, whose contents are lost. Tokens are random.
Result<StepProfile> profile_step(Executor& executor, const ProfileOptions& options,
                                 std::span<const std::vector<int32_t>> blocks);

}  // namespace dunlin
