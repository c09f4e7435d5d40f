#include "core/engine/scheduler.h"

#include <algorithm>

namespace dunlin {

void schedule_step(std::span<const SequenceView> sequences, const ScheduleLimits& limits,
                   std::vector<ScheduledChunk>& out) {
  out.clear();
  int32_t rows = limits.n_rows;
  int32_t logit_rows = limits.n_logit_rows;
  for (size_t i = 0; i < sequences.size(); ++i) {
    if (!sequences[i].is_decoding || sequences[i].n_pending == 0 || rows == 0 || logit_rows == 0) continue;
    out.push_back({int32_t(i), 1});
    --rows;
    --logit_rows;
  }
  if (!out.empty()) rows = std::min(rows, limits.n_prefill_rows_beside_decode);
  for (size_t i = 0; i < sequences.size(); ++i) {
    const SequenceView& s = sequences[i];
    if (s.is_decoding || s.n_pending == 0 || rows == 0 || logit_rows == 0) continue;
    int32_t n = std::min(s.n_pending, rows);
    const bool scores = s.n_unscored >= 0;
    if (scores && n - s.n_unscored > logit_rows) n = s.n_unscored + logit_rows;
    out.push_back({int32_t(i), n});
    rows -= n;
    logit_rows -= scores ? std::max(0, n - s.n_unscored) : 1;
  }
}

}  // namespace dunlin
