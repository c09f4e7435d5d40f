// LinearPhase: the matrix products that read one activation, q, k and v at once or gate and up in one.
// Threads share the panels of all jobs.
#pragma once

#include <string>
#include <vector>

#include "backends/cpu/kernels/linear.h"
#include "backends/cpu/linear_tables.h"
#include "backends/cpu/phase.h"
#include "platforms/work_split.h"

namespace dunlin::cpu {

struct LinearJob {
  LinearOp op = LinearOp::kLinear;
  PackedMatrix weight;
  PackedMatrix up;                       // kGlu
  const uint8_t* activations = nullptr;  // as the weight's activation_layout says
  LinearEpilogue epilogue;
};

class LinearPhase final : public Phase {
 public:
  LinearPhase(std::string name, RowKind kind, const LinearTable& table, std::vector<LinearJob> jobs);

  void begin_step(const StepInputs& step, int n_threads) override;
  bool applies(const StepInputs& step) const override { return n_rows_of(step, kind_) > 0; }
  void run(const StepInputs& step, const ThreadSlot& thread) override;
  PhaseReport report() const override;
  PhaseTime describe(const StepInputs& step) const override;

 private:
  void run_panels(IndexRange piece, int64_t n_rows) const;

  std::string name_;
  RowKind kind_;
  const LinearTable& table_;
  std::vector<LinearJob> jobs_;
  int64_t n_panels_ = 0;  // of all jobs
  WorkShares shares_;
  // Of each job, for kernel_rows_ rows: looked up once, not for every piece.
  std::vector<const LinearKernel*> kernels_;
  int64_t kernel_rows_ = 0;
};

}  // namespace dunlin::cpu
