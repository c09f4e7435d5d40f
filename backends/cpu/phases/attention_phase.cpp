#include "backends/cpu/phases/attention_phase.h"

#include <algorithm>

#include "core/device/attention_work.h"

namespace dunlin::cpu {
namespace {

AttentionCall call_for(const AttentionJob& job, const StepInputs& step, const StepSequence& sequence) {
  AttentionCall call{};
  call.layout = &job.cache->layout();
  call.n_heads = job.attrs.n_head;
  call.scale = job.attrs.scale;
  call.window = job.attrs.window;
  call.position = sequence.kv_begin;
  call.n_tokens = sequence.n_rows;
  call.q = job.q.row(sequence.first_row);
  call.q_stride = job.q.width;
  call.out = job.out.row(sequence.first_row);
  call.out_stride = job.out.width;
  call.kv_base = job.cache->layer_base(job.attrs.layer);
  call.kv_block_stride = job.cache->block_stride();
  call.block_table = step.block_table(sequence);
  return call;
}

// Pages that a unit of paged attention takes at a time: a run packs its queries once, and as many runs remain
// as keep the threads evenly busy.
constexpr int64_t kRunsPerThread = 4;

int64_t pages_per_run(int64_t n_pages, int64_t n_kv_heads, int n_threads) {
  return std::max<int64_t>(1, n_pages * n_kv_heads / (kRunsPerThread * n_threads));
}

float* partials_of(const AttentionJob& job, const StepSequence& sequence) {
  return job.partials + int64_t(sequence.first_row) * job.partials_stride;
}

}  // namespace

void AttentionPhase::run(const StepInputs& step, const ThreadSlot& thread) {
  // Every thread walks the same sequences and takes units off one counter.
  int64_t first_unit = 0;
  IndexRange mine = units_.take(INT64_MAX, 1);
  for (const StepSequence& sequence : step.sequences()) {
    const AttentionCall call = call_for(job_, step, sequence);
    const int64_t n_kv_heads = call.layout->n_kv_heads;
    const bool by_page = step.n_rows() <= kMaxPagedRows;
    const KvPageRange pages = attention_pages(call);
    const int64_t tile = attention_tile_tokens(call);
    const int64_t n_pages = pages.end - pages.begin;
    const int64_t run = pages_per_run(n_pages, n_kv_heads, thread.count);
    const int64_t per_head = by_page ? (n_pages + run - 1) / run : (sequence.n_rows + tile - 1) / tile;
    const int64_t end_unit = first_unit + per_head * n_kv_heads;
    for (; mine.begin < end_unit; mine = units_.take(INT64_MAX, 1)) {
      const int64_t unit = mine.begin - first_unit;
      const int head = int(unit % n_kv_heads);
      const int64_t part = unit / n_kv_heads;
      if (by_page) {
        const int64_t begin = pages.begin + part * run;
        const int64_t end = std::min<int64_t>(pages.end, begin + run);
        job_.kernels->attention_partial(&call, head, int(begin), int(end), partials_of(job_, sequence),
                                        thread.scratch);
      } else {
        // Later tiles see more keys: they go first.
        const int64_t begin = (per_head - 1 - part) * tile;
        const int64_t end = std::min<int64_t>(sequence.n_rows, begin + tile);
        job_.kernels->attention_tile(&call, head, int(begin), int(end), thread.scratch);
      }
    }
    first_unit = end_unit;
  }
}

PhaseTime AttentionPhase::describe(const StepInputs& step) const {
  const AttentionWork work = attention_work(step, job_.attrs.window);
  const PhaseReport r = report();
  PhaseTime phase{r.name, r.kernel, 0, 0, 0};
  phase.bytes = work.n_positions * (job_.cache->layout().block_bytes / kKvBlockTokens);
  // Scores, and the sum of values.
  phase.macs = 2 * work.n_scores * job_.attrs.n_head * job_.attrs.head_dim;
  return phase;
}

void AttentionMergePhase::run(const StepInputs& step, const ThreadSlot& thread) {
  for (const StepSequence& sequence : step.sequences()) {
    const AttentionCall call = call_for(job_, step, sequence);
    const IndexRange heads = static_share(call.n_heads, thread.index, thread.count);
    if (!heads.empty())
      job_.kernels->attention_merge(&call, int(heads.begin), int(heads.end), partials_of(job_, sequence));
  }
}

}  // namespace dunlin::cpu
