// add(r, linear(x, w)) -> linear(x, w) with r added in the epilogue. Must not fire when somebody else reads
// the linear's result, when r is not written yet where the linear stands, or when the linear has a residual
// already.
#include "core/graph/passes/passes.h"
#include "core/graph/rewrite.h"

namespace dunlin {

int fuse_residual(Graph& graph, const SupportsNode& supports) {
  const auto readers = readers_of(graph);
  std::vector<bool> dead(graph.nodes.size(), false);
  int fired = 0;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& add = graph.nodes[n];
    if (add.op != OpKind::kAdd) continue;
    for (const int side : {1, 0}) {
      const ValueId product = add.inputs[size_t(side)];
      const ValueId residual = add.inputs[size_t(1 - side)];
      const int32_t at = producer_of(graph, product);
      if (at < 0 || residual == product || graph.nodes[size_t(at)].op != OpKind::kLinear) continue;
      if (std::get<LinearAttrs>(graph.nodes[size_t(at)].attrs).has_residual) continue;
      if (sole_reader(graph, readers, product) != int32_t(n) || producer_of(graph, residual) > at) continue;
      Node fused = graph.nodes[size_t(at)];
      std::get<LinearAttrs>(fused.attrs).has_residual = true;
      fused.inputs.push_back(residual);
      fused.outputs = add.outputs;
      if (!supports(graph, fused)) continue;
      graph.nodes[size_t(at)] = std::move(fused);
      dead[n] = true;
      ++fired;
      break;
    }
  }
  remove_nodes(graph, dead);
  return fired;
}

}  // namespace dunlin
