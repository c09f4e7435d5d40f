#include "core/graph/memory_plan.h"

#include <catch2/catch.hpp>

#include "core/graph/builder.h"

using namespace dunlin;

namespace {

struct Life {
  int64_t begin, end;
  int32_t first, last;
};

// First and last node that touches each temp, straight from the nodes.
std::vector<Life> lives(const Graph& graph, const MemoryPlan& plan) {
  std::vector<Life> out;
  for (size_t v = 0; v < graph.values.size(); ++v) {
    if (plan.offsets[v] < 0) continue;
    Life life{plan.offsets[v], plan.offsets[v] + graph.values[v].shape.elements() * 4, INT32_MAX, -1};
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      for (const auto* ids : {&graph.nodes[n].inputs, &graph.nodes[n].outputs})
        for (const ValueId id : *ids)
          if (id == ValueId(v)) life.first = std::min(life.first, int32_t(n)), life.last = int32_t(n);
    }
    if (ValueId(v) == graph.logits) life.last = int32_t(graph.nodes.size());
    out.push_back(life);
  }
  return out;
}

Graph chain(int n) {
  GraphBuilder g({3, 3});
  ValueId x = g.embed("embd", g.weight("embd", DType::kF32, {10, 8}));
  for (int i = 0; i < n; ++i) {
    const ValueId y = g.linear("wide", x, g.weight(str_cat("w", i), DType::kF32, {24, 8}));
    x = g.add("sum", x, g.linear("narrow", y, g.weight(str_cat("v", i), DType::kF32, {8, 24})));
  }
  return g.finish(x);
}

}  // namespace

TEST_CASE("values whose lives overlap never share bytes") {
  const Graph graph = chain(5);
  const MemoryPlan plan = plan_memory(graph, {});
  const auto all = lives(graph, plan);
  for (size_t a = 0; a < all.size(); ++a) {
    for (size_t b = a + 1; b < all.size(); ++b) {
      const bool same_time = all[a].first <= all[b].last && all[b].first <= all[a].last;
      const bool same_bytes = all[a].begin < all[b].end && all[b].begin < all[a].end;
      REQUIRE_FALSE((same_time && same_bytes));
    }
  }
}

TEST_CASE("memory does not grow with depth") {
  CHECK(plan_memory(chain(8), {}).workspace_bytes == plan_memory(chain(40), {}).workspace_bytes);
}

TEST_CASE("a value is taken over only by its last reader") {
  GraphBuilder g({3, 3});
  const ValueId x = g.embed("embd", g.weight("embd", DType::kF32, {10, 8}));
  const ValueId a = g.add("a", x, g.linear("l", x, g.weight("w", DType::kF32, {8, 8})));
  const ValueId b = g.add("b", a, x);
  const Graph graph = g.finish(b);
  const auto taken = in_place_values(graph);
  CHECK(taken[size_t(a)] == kNoValue);  // x is read again by b
  CHECK(taken[size_t(b)] == a);
  const MemoryPlan plan = plan_memory(graph, taken);
  CHECK(plan.offsets[size_t(b)] == plan.offsets[size_t(a)]);
  CHECK(plan.offsets[size_t(a)] != plan.offsets[size_t(x)]);
}

TEST_CASE("an op whose operands are one value does not run in place") {
  GraphBuilder g({3, 3});
  const ValueId x = g.embed("embd", g.weight("embd", DType::kF32, {10, 8}));
  const ValueId twice = g.add("twice", x, x);
  CHECK(in_place_values(g.finish(twice))[size_t(twice)] == kNoValue);
}
