// The reference plan: walks the graph node by node, every value in a buffer of its own.
#pragma once

#include <vector>

#include "backends/reference/storage.h"
#include "core/device/device.h"

namespace dunlin::reference {

class Plan final : public dunlin::Plan {
 public:
  Plan(const Graph& graph, const PlanBindings& bindings, const CompileOptions& options);

  uint64_t workspace_bytes() const override;
  Status start(const StepInputs& step) override;
  std::span<float> logits() override { return buffers_[size_t(graph_.logits)]; }
  std::span<float> hidden() override {
    return graph_.hidden == kNoValue ? std::span<float>() : buffers_[size_t(graph_.hidden)];
  }
  std::vector<PhaseReport> report() const override;
  Result<StepTimes> measure(const StepInputs& step, int32_t repeats) override;

 private:
  void run_node(const Node& node, const StepInputs& step);
  void run_embed(const Node& node, const StepInputs& step);
  void run_rms_norm(const Node& node, const StepInputs& step);
  void run_linear(const Node& node, const StepInputs& step);
  void run_linear_group(const Node& node, const StepInputs& step);
  void run_linear_glu(const Node& node, const StepInputs& step);
  void run_rope(const Node& node, const StepInputs& step);
  void run_kv_append(const Node& node, const StepInputs& step);
  void run_attention(const Node& node, const StepInputs& step);
  void run_gather_rows(const Node& node, const StepInputs& step);
  void linear_into(ValueId x, ValueId w, ValueId bias, const float* residual, int64_t n_rows, float* out);
  int64_t n_macs(const Node& node, const StepInputs& step) const;
  void observe(int32_t node, const StepInputs& step);

  int64_t rows(const StepInputs& step, ValueId value) const;
  int64_t features(ValueId value) const { return graph_.value(value).shape.row_elements(); }
  std::span<const float> weight(ValueId value) const;
  float* buffer(ValueId value) { return buffers_[size_t(value)].data(); }
  std::span<float> row(ValueId value, int64_t r) {
    return {buffer(value) + r * features(value), size_t(features(value))};
  }

  Graph graph_;
  PlanBindings bindings_;
  NodeObserver observer_;
  std::vector<std::vector<float>> buffers_;  // by value; empty where a value is no temp and not hidden
  std::vector<bool> is_logit_row_;           // by value
};

}  // namespace dunlin::reference
