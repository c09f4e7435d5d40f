// The moves that passes are made of.
#pragma once

#include <vector>

#include "core/graph/graph.h"

namespace dunlin {

// The node that writes a value, or -1.
int32_t producer_of(const Graph& graph, ValueId value);

// The only node that reads `value`, or -1 if there are none or several, or if it is the graph's result.
int32_t sole_reader(const Graph& graph, const std::vector<std::vector<int32_t>>& readers, ValueId value);

// Drops the marked nodes; the order of the others stays.
void remove_nodes(Graph& graph, const std::vector<bool>& dead);

}  // namespace dunlin
