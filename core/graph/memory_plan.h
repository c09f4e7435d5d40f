// Where the temps of a graph live: offsets in one workspace, so that values whose lives do not overlap share
// bytes. The plan depends on shapes alone and is made once.
#pragma once

#include <cstdint>
#include <vector>

#include "core/graph/graph.h"

namespace dunlin {

struct MemoryPlan {
  int64_t workspace_bytes = 0;
  std::vector<int64_t> offsets;  // by value id; -1 where a value is no temp
};

// The value whose bytes the node's output may take over when that value has no later reader: the residual of
// a linear, the input of rope, add and rms_norm. kNoValue if the op never runs in place.
ValueId in_place_input(const Node& node);

// By value id: the value whose bytes it takes over, or kNoValue.
std::vector<ValueId> in_place_values(const Graph& graph);

// Temps and the output get first-fit offsets in order of creation, aligned to `alignment` bytes. A value
// lives from the node that writes it to the last that reads it, both included. taken_over is what
// in_place_values() gives, or empty for a backend that runs no op in place.
MemoryPlan plan_memory(const Graph& graph, const std::vector<ValueId>& taken_over, int64_t alignment = 64);

}  // namespace dunlin
