// glu(linear(x, gate), linear(x, up)) -> linear_glu(x, gate, up), so that one thread holds both halves of a
// feature and the two wide temps are never written. Must not fire when a half has a bias, when the halves
// read different inputs, or when somebody else reads a half.
#include "core/graph/passes/passes.h"
#include "core/graph/rewrite.h"

namespace dunlin {
namespace {

bool is_plain_linear(const Node& node) {
  return node.op == OpKind::kLinear && std::get<LinearAttrs>(node.attrs) == LinearAttrs{};
}

}  // namespace

int fuse_linear_glu(Graph& graph, const SupportsNode& supports) {
  const auto readers = readers_of(graph);
  std::vector<bool> dead(graph.nodes.size(), false);
  int fired = 0;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    Node& glu = graph.nodes[n];
    if (glu.op != OpKind::kGlu) continue;
    const int32_t gate = producer_of(graph, glu.inputs[0]);
    const int32_t up = producer_of(graph, glu.inputs[1]);
    if (gate < 0 || up < 0 || gate == up) continue;
    const Node& g = graph.nodes[size_t(gate)];
    const Node& u = graph.nodes[size_t(up)];
    if (!is_plain_linear(g) || !is_plain_linear(u) || g.inputs[0] != u.inputs[0]) continue;
    if (sole_reader(graph, readers, glu.inputs[0]) != int32_t(n)) continue;
    if (sole_reader(graph, readers, glu.inputs[1]) != int32_t(n)) continue;
    Node fused{OpKind::kLinearGlu, {g.inputs[0], g.inputs[1], u.inputs[1]}, glu.outputs, glu.attrs, glu.name};
    if (!supports(graph, fused)) continue;
    glu = std::move(fused);
    dead[size_t(gate)] = dead[size_t(up)] = true;
    ++fired;
  }
  remove_nodes(graph, dead);
  return fired;
}

}  // namespace dunlin
