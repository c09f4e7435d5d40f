#include "core/device/attention_work.h"

#include <algorithm>

namespace dunlin {

AttentionWork attention_work(const StepInputs& step, int32_t window) {
  AttentionWork work;
  for (const StepSequence& s : step.sequences()) {
    const int64_t first = window == 0 ? 0 : std::max<int64_t>(0, int64_t(s.kv_begin) - window + 1);
    work.n_positions += int64_t(s.kv_begin) + s.n_rows - first;
    for (int32_t r = 0; r < s.n_rows; ++r) {
      const int64_t visible = int64_t(s.kv_begin) + r + 1;
      work.n_scores += window == 0 ? visible : std::min<int64_t>(visible, window);
    }
  }
  return work;
}

}  // namespace dunlin
