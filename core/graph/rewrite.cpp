#include "core/graph/rewrite.h"

#include <algorithm>

namespace dunlin {

int32_t producer_of(const Graph& graph, ValueId value) {
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const auto& outputs = graph.nodes[n].outputs;
    if (std::find(outputs.begin(), outputs.end(), value) != outputs.end()) return int32_t(n);
  }
  return -1;
}

int32_t sole_reader(const Graph& graph, const std::vector<std::vector<int32_t>>& readers, ValueId value) {
  if (value == graph.logits || readers[size_t(value)].size() != 1) return -1;
  return readers[size_t(value)][0];
}

void remove_nodes(Graph& graph, const std::vector<bool>& dead) {
  std::vector<Node> kept;
  kept.reserve(graph.nodes.size());
  for (size_t n = 0; n < graph.nodes.size(); ++n)
    if (!dead[n]) kept.push_back(std::move(graph.nodes[n]));
  graph.nodes = std::move(kept);
}

}  // namespace dunlin
