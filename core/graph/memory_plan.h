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

// Temps and the output get first-fit offsets in order of creation, aligned to `alignment` bytes. A value lives
// from the node that writes it to the last that reads it, both included: an op never runs in place.
MemoryPlan plan_memory(const Graph& graph, int64_t alignment = 64);

}  // namespace dunlin
