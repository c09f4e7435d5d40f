#include "core/graph/verify.h"

#include "core/graph/op_info.h"
#include "core/graph/print.h"

namespace dunlin {
namespace {

bool is_produced_by_nodes(const Value& v) {
  return v.kind == ValueKind::kTemp || v.kind == ValueKind::kOutput;
}

Status verify_node(const Graph& graph, const Node& node, std::vector<bool>& written) {
  const auto in_range = [&](ValueId id) { return id >= 0 && size_t(id) < graph.values.size(); };
  for (const ValueId id : node.inputs) {
    if (!in_range(id))
      return Status::internal("node '", node.name, "' reads value ", id, ", which is not there");
    if (is_produced_by_nodes(graph.value(id)) && !written[size_t(id)])
      return Status::internal("node '", node.name, "' reads %", id, " before it is written");
  }
  const std::vector<Shape> shapes = infer_shapes(graph, node);
  if (shapes.size() != node.outputs.size())
    return Status::internal("node '", node.name, "' has ", node.outputs.size(), " outputs, expected ",
                            shapes.size());
  for (size_t i = 0; i < shapes.size(); ++i) {
    const ValueId id = node.outputs[i];
    if (!in_range(id) || !is_produced_by_nodes(graph.value(id)) || written[size_t(id)])
      return Status::internal("node '", node.name, "' writes value ", id, ", which is not its own");
    if (graph.value(id).shape != shapes[i])
      return Status::internal("node '", node.name, "': output ", graph.value(id).shape.to_string(),
                              " where the op gives ", shapes[i].to_string());
    written[size_t(id)] = true;
  }
  return Status::ok();
}

}  // namespace

Status verify_graph(const Graph& graph) {
  if (graph.hidden != kNoValue && graph.value(graph.hidden).field != StepField::kHidden)
    return Status::internal("the hidden input %", graph.hidden, " is no step input");
  std::vector<bool> written(graph.values.size(), false);
  for (const Node& node : graph.nodes) DUNLIN_RETURN_IF_ERROR(verify_node(graph, node, written));
  if (graph.logits == kNoValue || !written[size_t(graph.logits)])
    return Status::internal("no node writes the logits");
  return Status::ok();
}

}  // namespace dunlin
