// AttentionPhase and AttentionMergePhase. Many tokens: units are (kv head, tile of tokens) and write the
// result. Few tokens over a long context: units are (kv head, page of keys) and write partial results, which
// the merge phase puts together in page order. Both give the same bits.
#pragma once

#include <memory>
#include <string>

#include "backends/cpu/attention_units.h"
#include "backends/cpu/kv_cache.h"
#include "backends/cpu/phase.h"
#include "backends/cpu/phases/row_phase.h"
#include "platforms/work_split.h"

namespace dunlin::cpu {

// Steps with at most this many rows split by page.
inline constexpr int32_t kMaxPagedRows = 4;

struct AttentionJob {
  std::string name;
  const VectorKernelTable* kernels;
  AttentionAttrs attrs;
  CpuKvCache* cache;
  Rows q, out;
  float* partials;          // a sequence's begin at its first row times partials_stride
  int64_t partials_stride;  // floats: the partials of one row over the longest context
};

class AttentionPhase final : public Phase {
 public:
  explicit AttentionPhase(const AttentionJob& job) : job_(job) {}
  void begin_step(const StepInputs&, int) override { units_.reset(); }
  void run(const StepInputs& step, const ThreadSlot& thread) override;
  PhaseReport report() const override { return {job_.name, str_cat(job_.kernels->isa, "/attention"), 0}; }
  PhaseTime describe(const StepInputs& step) const override;

 private:
  AttentionJob job_;
  TailCounter units_;
};

class AttentionMergePhase final : public Phase {
 public:
  explicit AttentionMergePhase(const AttentionJob& job) : job_(job) {}
  bool applies(const StepInputs& step) const override { return step.n_rows() <= kMaxPagedRows; }
  void run(const StepInputs& step, const ThreadSlot& thread) override;
  PhaseReport report() const override {
    return {job_.name + "_merge", str_cat(job_.kernels->isa, "/merge"), 0};
  }

 private:
  AttentionJob job_;
};

}  // namespace dunlin::cpu
