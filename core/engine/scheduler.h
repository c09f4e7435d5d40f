// The scheduler: which rows go into the next step. A pure function of what it is given, so that it is tested
// without a model or a device.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace dunlin {

// What the scheduler sees of a live sequence.
struct SequenceView {
  int32_t n_pending = 0;     // tokens whose keys and values are still to be computed
  bool is_decoding = false;  // past its prompt: n_pending is 1
  // Scoring: every pending token after the first n_unscored takes a logit row. -1: no scoring, the last one
  // does.
  int32_t n_unscored = -1;
};

struct ScheduleLimits {
  int32_t n_rows = 0;
  int32_t n_logit_rows = 0;                  // at least the number of sequences
  int32_t n_prefill_rows_beside_decode = 0;  // keeps the others' next token from waiting for a long prompt
};

struct ScheduledChunk {
  int32_t sequence = 0;  // index into the views
  int32_t n_tokens = 0;
};

// Every decoding sequence gets its row; prompts share what is left in the order given, first come first
// served. out is cleared; it does not allocate when its capacity holds all sequences.
void schedule_step(std::span<const SequenceView> sequences, const ScheduleLimits& limits,
                   std::vector<ScheduledChunk>& out);

}  // namespace dunlin
