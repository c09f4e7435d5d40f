#include "core/graph/builder.h"

#include "core/graph/op_info.h"

namespace dunlin {

GraphBuilder::GraphBuilder(GraphCapacity capacity) {
  graph_.capacity = capacity;
  const auto step_input = [&](const char* name, int32_t n, StepField field) {
    return add_value({ValueKind::kStepInput, DType::kI32, Shape{n}, name, -1, field});
  };
  tokens_ = step_input("tokens", capacity.n_rows, StepField::kTokens);
  positions_ = step_input("positions", capacity.n_rows, StepField::kPositions);
  logit_rows_ = step_input("logit_rows", capacity.n_logit_rows, StepField::kLogitRows);
  kv_state_ = add_value({ValueKind::kState, DType::kF32, Shape{}, "kv_cache", 0, StepField::kNone});
}

ValueId GraphBuilder::add_value(Value value) {
  graph_.values.push_back(std::move(value));
  return ValueId(graph_.values.size() - 1);
}

ValueId GraphBuilder::weight(const std::string& name, DType type, Shape shape) {
  for (size_t v = 0; v < graph_.values.size(); ++v)
    if (graph_.values[v].kind == ValueKind::kWeight && graph_.values[v].name == name) return ValueId(v);
  graph_.weight_names.push_back(name);
  return add_value(
      {ValueKind::kWeight, type, shape, name, int32_t(graph_.weight_names.size() - 1), StepField::kNone});
}

ValueId GraphBuilder::constant(const std::string& name, std::vector<float> data) {
  const Shape shape{int64_t(data.size())};
  graph_.constants.push_back(std::move(data));
  return add_value({ValueKind::kConstant, DType::kF32, shape, name, int32_t(graph_.constants.size() - 1),
                    StepField::kNone});
}

ValueId GraphBuilder::append(Node node) {
  const std::vector<Shape> shapes = infer_shapes(graph_, node);
  for (const Shape& shape : shapes)
    node.outputs.push_back(
        add_value({ValueKind::kTemp, DType::kF32, shape, node.name, -1, StepField::kNone}));
  graph_.nodes.push_back(std::move(node));
  const auto& outputs = graph_.nodes.back().outputs;
  return outputs.empty() ? kNoValue : outputs[0];
}

ValueId GraphBuilder::embed(const std::string& name, ValueId table) {
  return append({OpKind::kEmbed, {tokens_, table}, {}, NoAttrs{}, name});
}

ValueId GraphBuilder::rms_norm(const std::string& name, ValueId x, ValueId weight, float eps) {
  return append({OpKind::kRmsNorm, {x, weight}, {}, RmsNormAttrs{eps}, name});
}

ValueId GraphBuilder::linear(const std::string& name, ValueId x, ValueId weight, ValueId bias) {
  Node node{OpKind::kLinear, {x, weight}, {}, LinearAttrs{bias != kNoValue, false}, name};
  if (bias != kNoValue) node.inputs.push_back(bias);
  return append(std::move(node));
}

ValueId GraphBuilder::rope(const std::string& name, ValueId x, ValueId inv_freq, RopeAttrs attrs) {
  return append({OpKind::kRope, {x, positions_, inv_freq}, {}, attrs, name});
}

void GraphBuilder::kv_append(const std::string& name, ValueId k, ValueId v, KvAppendAttrs attrs) {
  append({OpKind::kKvAppend, {k, v, kv_state_}, {}, attrs, name});
}

ValueId GraphBuilder::attention(const std::string& name, ValueId q, AttentionAttrs attrs) {
  return append({OpKind::kAttention, {q, kv_state_}, {}, attrs, name});
}

ValueId GraphBuilder::glu(const std::string& name, ValueId gate, ValueId up, GluAttrs attrs) {
  return append({OpKind::kGlu, {gate, up}, {}, attrs, name});
}

ValueId GraphBuilder::add(const std::string& name, ValueId a, ValueId b) {
  return append({OpKind::kAdd, {a, b}, {}, NoAttrs{}, name});
}

ValueId GraphBuilder::gather_logit_rows(const std::string& name, ValueId x) {
  return append({OpKind::kGatherRows, {x, logit_rows_}, {}, NoAttrs{}, name});
}

Graph GraphBuilder::finish(ValueId logits) {
  graph_.values[size_t(logits)].kind = ValueKind::kOutput;
  graph_.logits = logits;
  return std::move(graph_);
}

}  // namespace dunlin
