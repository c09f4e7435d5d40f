// CudaPlan: a lowered graph, ready to run: steps in which every sequence decodes one token are one launch of
// a captured CUDA graph; all others are launched kernel by kernel. What changes from step to step is data, so
// nothing is captured again: a graph serves greedy steps, another those that sample.
#pragma once

#include "backends/cuda/event_series.h"
#include "backends/cuda/lower.h"

namespace dunlin::cuda {

// Where logits go on the host. One for all plans of a device: they are valid until the next run of any.
struct HostLogits {
  PinnedBuffer buffer;
};

class CudaPlan final : public Plan {
 public:
  static Result<std::unique_ptr<Plan>> create(const Context& context, const Graph& graph, LoweredPlan lowered,
                                              HostLogits& host_logits, bool use_graph, NodeObserver observer);
  ~CudaPlan() override;

  uint64_t workspace_bytes() const override;
  Status start(const StepInputs& step) override;
  Status wait() override;
  std::span<float> logits() override {
    return {reinterpret_cast<float*>(host_logits_.buffer.data()), n_logits_};
  }
  std::span<float> hidden() override {
    return {reinterpret_cast<float*>(hidden_.data()), hidden_.size() / sizeof(float)};
  }
  std::span<const int32_t> tokens() const override { return lowered_.step.tokens(last_slot_); }
  std::vector<PhaseReport> report() const override;
  Result<StepTimes> measure(const StepInputs& step, int32_t repeats) override;

 private:
  CudaPlan(const Context& context, const Graph& graph, LoweredPlan lowered, HostLogits& host_logits,
           NodeObserver observer);
  // A step that was started and not yet waited for.
  struct Running {
    uint32_t number = 0;
    int slot = 0;
    bool gives_result = false;  // copies logits or hidden rows to the host
  };

  // Rows of a value in this step.
  int64_t n_rows_of(ValueId value, const StepInputs& step) const {
    return logit_rows_[size_t(value)] ? step.n_logit_rows() : step.n_rows();
  }
  // Copies the hidden rows of the part before this one to the device, in front of the step's launches: an
  // edge of its own, so that no kernel of the step starts before they are there.
  Status send_hidden(const StepInputs& step) const;
  Status fetch_result(const StepInputs& step) const;
  Status capture();
  const std::vector<Launch>& launches_for(const StepInputs& step) const;
  Status launch(std::span<const Launch> launches) const;
  Status launch_step(const std::vector<Launch>& list, bool samples, int slot) const;
  // The step whose image is in the slot, as one graph where there is one.
  Status launch_whole(const StepInputs& step, int slot) const;
  // One after the other, with an event before each and after the last.
  Status launch_divided(std::span<const Launch* const> launches, const EventSeries& events) const;
  Status launch_observed(const StepInputs& step, int slot);
  Status observe(size_t node, const StepInputs& step);
  // All of a step, in order.
  std::vector<const Launch*> in_order(const std::vector<Launch>& list, bool samples, int slot) const;
  Result<CUgraphExec> make_graph(bool samples, int slot) const;

  const Context& context_;
  Graph graph_;
  LoweredPlan lowered_;
  HostLogits& host_logits_;
  PinnedBuffer hidden_;  // of a graph with a hidden input
  NodeObserver observer_;
  struct DecodeGraphs {
    CUgraphExec greedy = nullptr, sampled = nullptr;
  };
  std::array<DecodeGraphs, StepBuffer::kSlots> exec_{};  // by slot
  std::array<Running, StepBuffer::kSlots> running_{};    // the oldest first
  int n_running_ = 0;
  int last_slot_ = 0;  // of the last step waited for
  int next_slot_ = 0;
  size_t n_logits_ = 0;
  std::vector<bool> logit_rows_;  // by value
};

}  // namespace dunlin::cuda
