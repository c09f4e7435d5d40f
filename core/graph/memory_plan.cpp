#include "core/graph/memory_plan.h"

#include <algorithm>

namespace dunlin {
namespace {

struct Placed {
  int64_t begin, end;   // bytes
  int32_t first, last;  // nodes
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

int32_t last_reader(const Graph& graph, const std::vector<std::vector<int32_t>>& readers, ValueId id,
                    int32_t writer) {
  if (id == graph.logits) return int32_t(graph.nodes.size());
  return readers[size_t(id)].empty() ? writer : readers[size_t(id)].back();
}

// The last node that touches the bytes of a value, through every value that takes them over.
int32_t end_of_life(const Graph& graph, const std::vector<std::vector<int32_t>>& readers,
                    const std::vector<ValueId>& heir, ValueId id, int32_t writer) {
  int32_t last = writer;
  for (; id != kNoValue; id = heir.empty() ? kNoValue : heir[size_t(id)])
    last = std::max(last, last_reader(graph, readers, id, writer));
  return last;
}

std::vector<ValueId> heirs_of(const std::vector<ValueId>& taken_over) {
  std::vector<ValueId> heir(taken_over.size(), kNoValue);
  for (size_t v = 0; v < taken_over.size(); ++v)
    if (taken_over[v] != kNoValue) heir[size_t(taken_over[v])] = ValueId(v);
  return heir;
}

}  // namespace

ValueId in_place_input(const Node& node) {
  switch (node.op) {
    case OpKind::kLinear:
      return std::get<LinearAttrs>(node.attrs).has_residual ? node.inputs.back() : kNoValue;
    case OpKind::kRope:
    case OpKind::kAdd:
    case OpKind::kRmsNorm:
      return node.inputs[0];
    default:
      return kNoValue;
  }
}

std::vector<ValueId> in_place_values(const Graph& graph) {
  const auto readers = readers_of(graph);
  std::vector<ValueId> taken_over(graph.values.size(), kNoValue);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    const ValueId input = in_place_input(node);
    if (input == kNoValue || graph.value(input).kind != ValueKind::kTemp) continue;
    if (readers[size_t(input)].back() != int32_t(n)) continue;
    if (std::count(node.inputs.begin(), node.inputs.end(), input) > 1) continue;
    taken_over[size_t(node.outputs[0])] = input;
  }
  return taken_over;
}

MemoryPlan plan_memory(const Graph& graph, const std::vector<ValueId>& taken_over, int64_t alignment) {
  MemoryPlan plan;
  plan.offsets.assign(graph.values.size(), -1);
  const auto readers = readers_of(graph);
  const std::vector<ValueId> heir = heirs_of(taken_over);
  std::vector<Placed> placed;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    for (const ValueId id : graph.nodes[n].outputs) {
      if (!taken_over.empty() && taken_over[size_t(id)] != kNoValue) {
        plan.offsets[size_t(id)] = plan.offsets[size_t(taken_over[size_t(id)])];
        continue;
      }
      const int32_t last = end_of_life(graph, readers, heir, id, int32_t(n));
      const int64_t raw = graph.value(id).shape.elements() * int64_t(sizeof(float));
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
