// Neighbouring linears on one input -> one linear_group, so that q, k and v are one phase: the input is
// quantized once and no barrier stands between them. Must not fire across another node, for a single linear,
// or for linears with a residual.
#include "core/graph/passes/passes.h"
#include "core/graph/rewrite.h"

namespace dunlin {
namespace {

constexpr size_t kMaxMembers = 3;

bool can_join(const Node& node, ValueId input) {
  return node.op == OpKind::kLinear && node.inputs[0] == input &&
         !std::get<LinearAttrs>(node.attrs).has_residual;
}

Node join(const Graph& graph, size_t first, size_t count) {
  Node group{OpKind::kLinearGroup, {graph.nodes[first].inputs[0]}, {}, {}, graph.nodes[first].name};
  LinearGroupAttrs attrs;
  for (size_t i = 0; i < count; ++i) {
    const Node& member = graph.nodes[first + i];
    if (i > 0) group.name += str_cat("+", member.name);
    group.inputs.insert(group.inputs.end(), member.inputs.begin() + 1, member.inputs.end());
    group.outputs.push_back(member.outputs[0]);
    if (std::get<LinearAttrs>(member.attrs).has_bias) attrs.bias_mask |= uint8_t(1u << i);
    ++attrs.n_members;
  }
  group.attrs = attrs;
  return group;
}

}  // namespace

int fuse_linear_group(Graph& graph, const SupportsNode& supports) {
  std::vector<bool> dead(graph.nodes.size(), false);
  int fired = 0;
  for (size_t first = 0; first < graph.nodes.size(); ++first) {
    if (graph.nodes[first].op != OpKind::kLinear) continue;
    const ValueId input = graph.nodes[first].inputs[0];
    size_t count = 0;
    while (count < kMaxMembers && first + count < graph.nodes.size() &&
           can_join(graph.nodes[first + count], input))
      ++count;
    if (count < 2) continue;
    Node fused = join(graph, first, count);
    if (!supports(graph, fused)) continue;
    graph.nodes[first] = std::move(fused);
    for (size_t i = 1; i < count; ++i) dead[first + i] = true;
    first += count - 1;
    ++fired;
  }
  remove_nodes(graph, dead);
  return fired;
}

}  // namespace dunlin
