// How much attention has to do in a step: it depends on the context, not on the graph.
#pragma once

#include <cstdint>

#include "core/device/step_inputs.h"

namespace dunlin {

struct AttentionWork {
  int64_t n_positions = 0;  // whose keys and values are read, of all sequences
  int64_t n_scores = 0;     // rows x the positions that each sees
};

// window: positions that a row sees, itself included; 0: all.
AttentionWork attention_work(const StepInputs& step, int32_t window);

}  // namespace dunlin
