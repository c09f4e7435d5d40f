#include "backends/reference/plan.h"

#include <algorithm>

#include "backends/reference/tensor_ops.h"
#include "core/base/median.h"
#include "core/device/attention_work.h"
#include "core/graph/op_info.h"
#include "platforms/clock.h"

namespace dunlin::reference {

Plan::Plan(const Graph& graph, const PlanBindings& bindings, const CompileOptions& options)
    : graph_(graph), bindings_(bindings), observer_(options.observer), buffers_(graph.values.size()) {
  is_logit_row_.resize(graph_.values.size());
  if (graph_.hidden != kNoValue)
    buffers_[size_t(graph_.hidden)].resize(size_t(graph_.value(graph_.hidden).shape.elements()));
  for (const Node& node : graph_.nodes) {
    for (const ValueId id : node.outputs) {
      buffers_[size_t(id)].resize(size_t(graph_.value(id).shape.elements()));
      is_logit_row_[size_t(id)] = is_logit_row_value(graph_, id);
    }
  }
}

uint64_t Plan::workspace_bytes() const {
  uint64_t bytes = 0;
  for (const auto& buffer : buffers_) bytes += buffer.size() * sizeof(float);
  return bytes;
}

std::vector<PhaseReport> Plan::report() const {
  std::vector<PhaseReport> phases;
  for (const Node& node : graph_.nodes)
    phases.push_back(
        {node.name, str_cat("reference/", op_name(node.op)), op_cost(graph_, node, 1).weight_bytes});
  return phases;
}

int64_t Plan::rows(const StepInputs& step, ValueId value) const {
  return is_logit_row_[size_t(value)] ? step.n_logit_rows() : step.n_rows();
}

std::span<const float> Plan::weight(ValueId value) const {
  const auto* w = static_cast<const Weight*>(bindings_.weights[size_t(graph_.value(value).index)]);
  return w->values();
}

Status Plan::start(const StepInputs& step) {
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    run_node(graph_.nodes[n], step);
    if (observer_) observe(int32_t(n), step);
  }
  return Status::ok();
}

int64_t Plan::n_macs(const Node& node, const StepInputs& step) const {
  if (node.op != OpKind::kAttention)
    return node.outputs.empty() ? 0 : op_cost(graph_, node, rows(step, node.outputs[0])).macs;
  const auto& attrs = Graph::attrs_of<AttentionAttrs>(node);
  return 2 * attention_work(step, attrs.window).n_scores * attrs.n_head * attrs.head_dim;
}

Result<StepTimes> Plan::measure(const StepInputs& step, int32_t repeats) {
  StepTimes times;
  for (const PhaseReport& phase : report())
    times.phases.push_back({phase.name, phase.kernel, phase.weight_bytes, 0, 0});
  std::vector<std::vector<double>> node_us(graph_.nodes.size());
  std::vector<double> step_us;
  for (int32_t r = 0; r < repeats; ++r) {
    const int64_t whole = monotonic_ns();
    for (const Node& node : graph_.nodes) run_node(node, step);
    step_us.push_back(double(monotonic_ns() - whole) * 1e-3);
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      const int64_t begin = monotonic_ns();
      run_node(graph_.nodes[n], step);
      node_us[n].push_back(double(monotonic_ns() - begin) * 1e-3);
    }
  }
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    times.phases[n].macs = n_macs(graph_.nodes[n], step);
    times.phases[n].us = median(std::move(node_us[n]));
  }
  times.step_us = times.wall_us = median(std::move(step_us));
  return times;
}

void Plan::observe(int32_t node, const StepInputs& step) {
  std::vector<std::span<const float>> outputs;
  for (const ValueId id : graph_.nodes[size_t(node)].outputs)
    outputs.emplace_back(buffer(id), size_t(rows(step, id) * features(id)));
  observer_(node, outputs);
}

void Plan::run_node(const Node& node, const StepInputs& step) {
  switch (node.op) {
    case OpKind::kEmbed:
      return run_embed(node, step);
    case OpKind::kRmsNorm:
      return run_rms_norm(node, step);
    case OpKind::kLinear:
      return run_linear(node, step);
    case OpKind::kLinearGroup:
      return run_linear_group(node, step);
    case OpKind::kLinearGlu:
      return run_linear_glu(node, step);
    case OpKind::kRope:
      return run_rope(node, step);
    case OpKind::kKvAppend:
      return run_kv_append(node, step);
    case OpKind::kAttention:
      return run_attention(node, step);
    case OpKind::kGatherRows:
      return run_gather_rows(node, step);
    case OpKind::kGlu:
      for (int64_t r = 0; r < rows(step, node.outputs[0]); ++r)
        glu(row(node.inputs[0], r), row(node.inputs[1], r), Graph::attrs_of<GluAttrs>(node).activation,
            row(node.outputs[0], r).data());
      return;
    case OpKind::kAdd:
      for (int64_t r = 0; r < rows(step, node.outputs[0]); ++r)
        std::ranges::transform(row(node.inputs[0], r), row(node.inputs[1], r),
                               row(node.outputs[0], r).begin(), [](float a, float b) { return a + b; });
      return;
  }
}

void Plan::run_embed(const Node& node, const StepInputs& step) {
  for (int64_t r = 0; r < step.n_rows(); ++r)
    embed_row(weight(node.inputs[1]), features(node.outputs[0]), step.tokens()[size_t(r)],
              row(node.outputs[0], r).data());
}

void Plan::run_rms_norm(const Node& node, const StepInputs& step) {
  for (int64_t r = 0; r < rows(step, node.outputs[0]); ++r)
    rms_norm_row(row(node.inputs[0], r), weight(node.inputs[1]), Graph::attrs_of<RmsNormAttrs>(node).eps,
                 row(node.outputs[0], r).data());
}

void Plan::linear_into(ValueId x, ValueId w, ValueId bias, const float* residual, int64_t n_rows,
                       float* out) {
  const Shape& shape = graph_.value(w).shape;
  const std::span<const float> b = bias == kNoValue ? std::span<const float>() : weight(bias);
  linear(buffer(x), n_rows, weight(w), shape[1], shape[0], b, residual, out);
}

void Plan::run_linear(const Node& node, const StepInputs& step) {
  const auto& attrs = Graph::attrs_of<LinearAttrs>(node);
  const ValueId bias = attrs.has_bias ? node.inputs[2] : kNoValue;
  const float* residual = attrs.has_residual ? buffer(node.inputs.back()) : nullptr;
  linear_into(node.inputs[0], node.inputs[1], bias, residual, rows(step, node.outputs[0]),
              buffer(node.outputs[0]));
}

void Plan::run_linear_group(const Node& node, const StepInputs& step) {
  const std::vector<LinearMember> members = linear_group_members(node);
  for (size_t i = 0; i < members.size(); ++i)
    linear_into(node.inputs[0], members[i].weight, members[i].bias, nullptr, rows(step, node.outputs[i]),
                buffer(node.outputs[i]));
}

void Plan::run_linear_glu(const Node& node, const StepInputs& step) {
  const int64_t n_rows = rows(step, node.outputs[0]);
  std::vector<float> gate(size_t(n_rows * features(node.outputs[0])));
  std::vector<float> up(gate.size());
  linear_into(node.inputs[0], node.inputs[1], kNoValue, nullptr, n_rows, gate.data());
  linear_into(node.inputs[0], node.inputs[2], kNoValue, nullptr, n_rows, up.data());
  glu(gate, up, Graph::attrs_of<GluAttrs>(node).activation, buffer(node.outputs[0]));
}

void Plan::run_rope(const Node& node, const StepInputs& step) {
  const auto& inv_freq = graph_.constants[size_t(graph_.value(node.inputs[2]).index)];
  for (int64_t r = 0; r < step.n_rows(); ++r)
    rope_row(row(node.inputs[0], r), step.positions()[size_t(r)], inv_freq, Graph::attrs_of<RopeAttrs>(node),
             row(node.outputs[0], r).data());
}

void Plan::run_kv_append(const Node& node, const StepInputs& step) {
  auto& cache = *static_cast<Cache*>(bindings_.kv_cache);
  const int32_t layer = Graph::attrs_of<KvAppendAttrs>(node).layer;
  for (const StepSequence& s : step.sequences()) {
    const int32_t* blocks = step.block_table(s);
    for (int32_t i = 0; i < s.n_rows; ++i) {
      const int32_t position = s.kv_begin + i;
      cache.store(layer, blocks[position / kBlockTokens], position % kBlockTokens,
                  row(node.inputs[0], s.first_row + i).data(), row(node.inputs[1], s.first_row + i).data());
    }
  }
}

void Plan::run_attention(const Node& node, const StepInputs& step) {
  const auto& cache = *static_cast<const Cache*>(bindings_.kv_cache);
  const auto& attrs = Graph::attrs_of<AttentionAttrs>(node);
  std::vector<const float*> keys, values;
  for (const StepSequence& s : step.sequences()) {
    const int32_t* blocks = step.block_table(s);
    for (int32_t i = 0; i < s.n_rows; ++i) {
      const int32_t position = s.kv_begin + i;
      const int32_t first = attrs.window == 0 ? 0 : std::max(0, position - attrs.window + 1);
      keys.clear();
      values.clear();
      for (int32_t p = first; p <= position; ++p) {
        keys.push_back(cache.key(attrs.layer, blocks[p / kBlockTokens], p % kBlockTokens));
        values.push_back(cache.value(attrs.layer, blocks[p / kBlockTokens], p % kBlockTokens));
      }
      attention_row(
          {row(node.inputs[0], s.first_row + i).data(), keys.data(), values.data(), int64_t(keys.size())},
          attrs, row(node.outputs[0], s.first_row + i).data());
    }
  }
}

void Plan::run_gather_rows(const Node& node, const StepInputs& step) {
  for (int64_t r = 0; r < step.n_logit_rows(); ++r)
    std::ranges::copy(row(node.inputs[0], step.logit_rows()[size_t(r)]), row(node.outputs[0], r).begin());
}

}  // namespace dunlin::reference
