#include "core/graph/memory_plan.h"

#include <algorithm>

namespace dunlin {
namespace {

struct Placed {
  int64_t begin, end;       // bytes
  int32_t first, last;      // nodes
};

int64_t first_fit(const std::vector<Placed>& placed, int32_t first, int32_t last, int64_t bytes) {
  std::vector<Placed> busy;
  for (const Placed& p : placed)
    if (p.first <= last && first <= p.last) busy.push_back(p);
  std::sort(busy.begin(), busy.end(), [](const Placed& a, const Placed& b) { return a.begin < b.begin; });
  int64_t offset = 0;
  for (const Placed& p : busy) {
    if (offset + bytes <= p.begin) break;
    offset = std::max(offset, p.end);
  }
  return offset;
}

}  // namespace

MemoryPlan plan_memory(const Graph& graph, int64_t alignment) {
  MemoryPlan plan;
  plan.offsets.assign(graph.values.size(), -1);
  const auto readers = readers_of(graph);
  std::vector<Placed> placed;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    for (const ValueId id : graph.nodes[n].outputs) {
      const auto& value = graph.value(id);
      int32_t last = readers[size_t(id)].empty() ? int32_t(n) : readers[size_t(id)].back();
      if (id == graph.logits) last = int32_t(graph.nodes.size());
      const int64_t raw = value.shape.elements() * int64_t(sizeof(float));
      const int64_t bytes = (raw + alignment - 1) / alignment * alignment;
      const int64_t offset = first_fit(placed, int32_t(n), last, bytes);
      placed.push_back({offset, offset + bytes, int32_t(n), last});
      plan.offsets[size_t(id)] = offset;
      plan.workspace_bytes = std::max(plan.workspace_bytes, offset + bytes);
    }
  }
  return plan;
}

}  // namespace dunlin
