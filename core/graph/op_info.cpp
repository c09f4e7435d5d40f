#include "core/graph/op_info.h"

#include "core/base/check.h"

namespace dunlin {
namespace {

void check_node(bool ok, const Node& node, const char* rule) {
  if (!ok) check_failed(__FILE__, __LINE__, rule, (str_cat(op_name(node.op), " '", node.name, "'")).c_str());
}

Shape linear_shape(const Graph& graph, const Node& node, ValueId x, ValueId w, ValueId bias) {
  const Shape& xs = graph.value(x).shape;
  const Shape& ws = graph.value(w).shape;
  check_node(xs.rank() == 2 && ws.rank() == 2 && xs[1] == ws[1], node, "x [T, K] and w [N, K] share K");
  if (bias != kNoValue) check_node(graph.value(bias).shape == Shape{ws[0]}, node, "bias [N]");
  return {xs[0], ws[0]};
}

std::vector<Shape> linear_node_shapes(const Graph& graph, const Node& node) {
  const auto& attrs = Graph::attrs_of<LinearAttrs>(node);
  const ValueId bias = attrs.has_bias ? node.inputs[2] : kNoValue;
  const Shape shape = linear_shape(graph, node, node.inputs[0], node.inputs[1], bias);
  check_node(node.inputs.size() == 2u + attrs.has_bias + attrs.has_residual, node, "inputs as attrs say");
  if (attrs.has_residual) check_node(graph.value(node.inputs.back()).shape == shape, node, "residual [T, N]");
  return {shape};
}

std::vector<Shape> rope_shapes(const Graph& graph, const Node& node) {
  const auto& attrs = Graph::attrs_of<RopeAttrs>(node);
  const Shape& x = graph.value(node.inputs[0]).shape;
  check_node(attrs.n_rot % 2 == 0 && attrs.n_rot <= attrs.head_dim, node, "n_rot even and <= head_dim");
  check_node(x[1] % attrs.head_dim == 0, node, "x [T, H * head_dim]");
  check_node(graph.value(node.inputs[2]).shape == Shape{attrs.n_rot / 2}, node, "inv_freq [n_rot / 2]");
  return {x};
}

}  // namespace

std::vector<Shape> infer_shapes(const Graph& graph, const Node& node) {
  const auto shape = [&](size_t i) -> const Shape& { return graph.value(node.inputs[i]).shape; };
  switch (node.op) {
    case OpKind::kEmbed:
      return {Shape{shape(0)[0], shape(1)[1]}};
    case OpKind::kRmsNorm:
      check_node(shape(0)[1] % shape(1)[0] == 0, node, "weight [G] divides the features");
      return {shape(0)};
    case OpKind::kLinear:
      return linear_node_shapes(graph, node);
    case OpKind::kLinearGroup: {
      std::vector<Shape> shapes;
      for (const LinearMember& m : linear_group_members(node))
        shapes.push_back(linear_shape(graph, node, node.inputs[0], m.weight, m.bias));
      return shapes;
    }
    case OpKind::kLinearGlu:
      check_node(shape(1) == shape(2), node, "gate and up have one shape");
      return {linear_shape(graph, node, node.inputs[0], node.inputs[1], kNoValue)};
    case OpKind::kRope:
      return rope_shapes(graph, node);
    case OpKind::kKvAppend:
      check_node(shape(0) == shape(1), node, "k and v have one shape");
      return {};
    case OpKind::kAttention: {
      const auto& attrs = Graph::attrs_of<AttentionAttrs>(node);
      check_node(shape(0)[1] == int64_t(attrs.n_head) * attrs.head_dim, node, "q [T, H * head_dim]");
      check_node(attrs.n_head % attrs.n_head_kv == 0, node, "n_head_kv divides n_head");
      return {shape(0)};
    }
    case OpKind::kGlu:
    case OpKind::kAdd:
      check_node(shape(0) == shape(1), node, "both inputs have one shape");
      return {shape(0)};
    case OpKind::kGatherRows:
      return {Shape{shape(1)[0], shape(0)[1]}};
  }
  check_node(false, node, "known op");
  return {};
}

namespace {

int64_t value_bytes(const Value& value) {
  return value.shape.n_rows() * int64_t(row_bytes(value.type, uint64_t(value.shape.row_elements())));
}

}  // namespace

OpCost op_cost(const Graph& graph, const Node& node, int64_t n_rows) {
  OpCost cost;
  for (const ValueId id : node.inputs) {
    const Value& v = graph.value(id);
    if (v.kind != ValueKind::kWeight) continue;
    if (node.op == OpKind::kEmbed) {
      cost.weight_bytes += n_rows * int64_t(row_bytes(v.type, uint64_t(v.shape.row_elements())));
      continue;
    }
    cost.weight_bytes += value_bytes(v);
    if (v.shape.rank() == 2) cost.macs += n_rows * v.shape.elements();
  }
  return cost;
}

bool is_logit_row_value(const Graph& graph, ValueId value) {
  for (const Node& node : graph.nodes) {
    for (const ValueId out : node.outputs) {
      if (out != value) continue;
      return node.op == OpKind::kGatherRows || is_logit_row_value(graph, node.inputs[0]);
    }
  }
  return false;
}

int64_t macs_per_token(const Graph& graph) {
  int64_t macs = 0;
  for (const Node& node : graph.nodes) macs += op_cost(graph, node, 1).macs;
  return macs;
}

int64_t result_macs_per_token(const Graph& graph) {
  for (const Node& node : graph.nodes)
    if (!node.outputs.empty() && node.outputs[0] == graph.logits) return op_cost(graph, node, 1).macs;
  return 0;
}

int64_t weight_bytes_per_token(const Graph& graph) {
  int64_t bytes = 0;
  for (const Node& node : graph.nodes) bytes += op_cost(graph, node, 1).weight_bytes;
  return bytes;
}

}  // namespace dunlin
