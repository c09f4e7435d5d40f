// Cutting a graph between layers, so that devices can run its parts one after the other.
#pragma once

#include <span>
#include <vector>

#include "core/base/status.h"
#include "core/graph/graph.h"

namespace dunlin {

// The parts of a graph before any pass, whose layers' nodes are named "blk.0.*", "blk.1.*" and so on. cuts:
// the layers with which the second part, the third and so on begin, rising; 0 leaves the embedding alone in
// the first part, the number of layers leaves the head alone in the last. Without cuts: the graph itself.
//
// The one value [T, D] that crosses a border is the result (Graph::logits) of the part in front and the input
// Graph::hidden of the part behind. A part has its own weights and constants only, under indices of its own,
// and its layers of the KV cache count from 0. kUnsupported if not exactly one value of the part in front is
// read behind a border.
Result<std::vector<Graph>> split_graph(const Graph& graph, std::span<const int32_t> cuts);

}  // namespace dunlin
