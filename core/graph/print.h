// The graph as text, one node a line: what passes are tested on and what `inspect --graph` shows.
#pragma once

#include <string>

#include "core/graph/graph.h"

namespace dunlin {

std::string print_node(const Graph& graph, const Node& node);
std::string print_graph(const Graph& graph);

}  // namespace dunlin
