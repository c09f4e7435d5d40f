// Which nodes disappear into others before anything is launched.
#include "backends/cuda/fusion.h"

#include <catch2/catch.hpp>

#include "backends/cuda/lower.h"
#include "core/graph/builder.h"
#include "core/graph/memory_plan.h"
#include "core/graph/passes/passes.h"

using namespace dunlin;
using namespace dunlin::cuda;

namespace {

// One attention block over quantized (or dense) weights, with head norms if asked.
Graph block(DType type, bool head_norms) {
  GraphBuilder g({4, 4});
  const ValueId x = g.embed("x", g.weight("table", DType::kF32, {8, 256}));
  const ValueId n = g.rms_norm("norm", x, g.weight("norm", DType::kF32, {256}), 1e-6f);
  ValueId q = g.linear("q", n, g.weight("q", type, {256, 256}));
  ValueId k = g.linear("k", n, g.weight("k", type, {128, 256}));
  const ValueId v = g.linear("v", n, g.weight("v", type, {128, 256}));
  if (head_norms) {
    q = g.rms_norm("q_norm", q, g.weight("q_norm", DType::kF32, {64}), 1e-6f);
    k = g.rms_norm("k_norm", k, g.weight("k_norm", DType::kF32, {64}), 1e-6f);
  }
  const ValueId freq = g.constant("freq", std::vector<float>(32, 0.5f));
  q = g.rope("rope_q", q, freq, {64, 64, 1.0f});
  k = g.rope("rope_k", k, freq, {64, 64, 1.0f});
  g.kv_append("append", k, v, {0});
  const ValueId a = g.attention("attention", q, {0, 4, 2, 64, 0.125f, 0});
  const ValueId out = g.add("sum", x, g.linear("o", a, g.weight("o", type, {256, 256})));
  return g.finish(out);
}

size_t index_of(const Graph& graph, const std::string& name) {
  for (size_t n = 0; n < graph.nodes.size(); ++n)
    if (graph.nodes[n].name == name) return n;
  FAIL("no node " << name);
  return 0;
}

}  // namespace

TEST_CASE("glu and its fused form are refused for an activation that no kernel has") {
  for (const Activation activation : {Activation::kSilu, Activation::kGeluTanh}) {
    GraphBuilder g({4, 4});
    const ValueId x = g.embed("x", g.weight("table", DType::kF32, {8, 256}));
    const ValueId gate = g.linear("gate", x, g.weight("gate", DType::kQ4_K, {256, 256}));
    const ValueId up = g.linear("up", x, g.weight("up", DType::kQ4_K, {256, 256}));
    Graph graph = g.finish(g.glu("glu", gate, up, {activation}));
    std::string why;
    const bool expected = activation == Activation::kSilu;
    CHECK(can_lower(graph, graph.nodes[index_of(graph, "glu")], &why) == expected);
    CHECK((why.find("activation") == std::string::npos) == expected);
    CHECK(fuse_linear_glu(graph, [](const Graph&, const Node&) { return true; }) == 1);
    CHECK(can_lower(graph, graph.nodes[index_of(graph, "glu")], &why) == expected);
  }
}

TEST_CASE("a norm before quantized linears is done by them") {
  const Graph graph = block(DType::kQ4_K, false);
  const Fusions fusions = find_fusions(graph, true);
  const size_t norm = index_of(graph, "norm");
  CHECK(fusions.skipped[norm]);
  const NormFusion& f = fusions.norm_of_value[size_t(graph.nodes[norm].outputs[0])];
  CHECK(f.input == graph.nodes[norm].inputs[0]);
  CHECK(f.weight == graph.nodes[norm].inputs[1]);
}

TEST_CASE("a norm before dense linears stays") {
  const Graph graph = block(DType::kF16, false);
  CHECK_FALSE(find_fusions(graph, true).skipped[index_of(graph, "norm")]);
}

TEST_CASE("norm, rotation and append belong to their attention") {
  for (const bool head_norms : {false, true}) {
    const Graph graph = block(DType::kQ4_K, head_norms);
    const Fusions fusions = find_fusions(graph, true);
    for (const char* name : {"rope_q", "rope_k", "append"}) CHECK(fusions.skipped[index_of(graph, name)]);
    const AttentionFusion& a = fusions.attention[index_of(graph, "attention")];
    CHECK(a.q == graph.nodes[index_of(graph, "q")].outputs[0]);
    CHECK(a.k == graph.nodes[index_of(graph, "k")].outputs[0]);
    CHECK(a.n_rot == 64);
    CHECK((a.q_norm != kNoValue) == head_norms);
  }
}

TEST_CASE("without fusion only the append moves") {
  const Graph graph = block(DType::kQ4_K, true);
  const Fusions fusions = find_fusions(graph, false);
  for (size_t n = 0; n < graph.nodes.size(); ++n)
    CHECK(fusions.skipped[n] == (graph.nodes[n].op == OpKind::kKvAppend));
}

TEST_CASE("what fused readers read stays alive") {
  const Graph graph = block(DType::kQ4_K, false);
  const Graph reading = with_fused_inputs(graph, find_fusions(graph, true));
  const MemoryPlan plan = plan_memory(reading, in_place_values(reading));
  // Raw q, k and v are read by the attention: its output must not lie on them.
  const auto offset = [&](const char* name) {
    return plan.offsets[size_t(graph.nodes[index_of(graph, name)].outputs[0])];
  };
  for (const char* name : {"q", "k", "v"}) CHECK(offset(name) != offset("attention"));
}
