// CpuPlan: runs the phases of a lowered graph with a thread team, one parallel region a step.
#pragma once

#include "backends/cpu/lower.h"
#include "platforms/thread_team.h"

namespace dunlin::cpu {

// The teams of a device: one for steps of few rows, where memory is the limit, one for many rows. They may be
// the same.
struct Teams {
  ThreadTeam* decode = nullptr;
  ThreadTeam* prefill = nullptr;
};

class CpuPlan final : public Plan {
 public:
  static Result<std::unique_ptr<Plan>> create(const Graph& graph, LoweredPlan lowered, const Teams& teams,
                                              NodeObserver observer);

  uint64_t workspace_bytes() const override;
  Status start(const StepInputs& step) override;
  std::span<float> logits() override { return logits_; }
  std::span<float> hidden() override { return hidden_; }
  std::vector<PhaseReport> report() const override;
  Result<StepTimes> measure(const StepInputs& step, int32_t repeats) override;

 private:
  ThreadTeam& team_for(const StepInputs& step) const;
  // after_phase(i) is called on thread 0 when all threads are through phase i; of the last phase, when thread
  // 0 is.
  template <typename AfterPhase>
  void run_phases(ThreadTeam& team, const StepInputs& step, size_t begin, size_t end,
                  const AfterPhase& after_phase);
  // The nanoseconds of the step. Where ends is given, by phase when it ended, if it had something to do.
  int64_t time_step(const StepInputs& step, std::vector<int64_t>* ends);
  void observe(size_t node, const StepInputs& step) const;

  Graph graph_;
  LoweredPlan lowered_;
  Teams teams_;
  NodeObserver observer_;
  AlignedBuffer scratch_;
  std::span<float> logits_, hidden_;
};

}  // namespace dunlin::cpu
