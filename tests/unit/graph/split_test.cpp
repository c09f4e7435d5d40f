#include "core/graph/split.h"

#include <catch2/catch.hpp>

#include "core/graph/builder.h"
#include "core/graph/memory_plan.h"
#include "core/graph/op_info.h"
#include "core/graph/print.h"
#include "core/graph/verify.h"

using namespace dunlin;

namespace {

constexpr int64_t kWidth = 8;

// Attention and a linear a layer; the head is tied to the embedding. leak: the second layer's last node reads
// the embedding again.
Graph decoder(int32_t n_layer, bool leak = false) {
  GraphBuilder g({4, 2});
  const ValueId inv_freq = g.constant("inv_freq", {1, 0.5f});
  const ValueId table = g.weight("embd", DType::kF32, {10, kWidth});
  const ValueId embedded = g.embed("token_embd", table);
  ValueId x = embedded;
  for (int32_t l = 0; l < n_layer; ++l) {
    const std::string blk = str_cat("blk.", l, ".");
    const auto weight = [&](const char* name) { return g.weight(blk + name, DType::kF32, {kWidth, kWidth}); };
    const ValueId k = g.rope(blk + "rope", g.linear(blk + "k", x, weight("wk")), inv_freq, {4, 4, 1});
    g.kv_append(blk + "append", k, x, {l});
    const ValueId a = g.attention(blk + "attention", k, {l, 2, 2, 4, 1, 0});
    x = g.add(blk + "residual", leak && l == 1 ? embedded : x, g.linear(blk + "o", a, weight("wo")));
  }
  return g.finish(g.linear("output", g.gather_logit_rows("logit_rows", x), table));
}

std::vector<Graph> split(const Graph& graph, const std::vector<int32_t>& cuts) {
  auto parts = split_graph(graph, cuts);
  INFO((parts.is_ok() ? "" : parts.message()));
  REQUIRE(parts.is_ok());
  for (const Graph& part : *parts) {
    const Status sound = verify_graph(part);
    INFO(print_graph(part) << sound.message());
    CHECK(sound.is_ok());
  }
  return std::move(parts).value();
}

std::vector<std::string> names_of(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) names.push_back(node.name);
  return names;
}

}  // namespace

TEST_CASE("the parts have the whole's nodes in order, at every cut") {
  const Graph whole = decoder(12);  // "blk.1" is not "blk.10"
  for (int32_t cut = 0; cut <= 12; ++cut) {
    const std::vector<Graph> parts = split(whole, {cut});
    REQUIRE(parts.size() == 2);
    std::vector<std::string> names = names_of(parts[0]);
    CHECK(names.size() == 1 + 6 * size_t(cut));
    const std::vector<std::string> behind = names_of(parts[1]);
    names.insert(names.end(), behind.begin(), behind.end());
    CHECK(names == names_of(whole));
  }
}

TEST_CASE("what crosses a border is the result in front of it and the input behind it") {
  const std::vector<Graph> parts = split(decoder(3), {1, 2});
  REQUIRE(parts.size() == 3);
  CHECK(parts[0].hidden == kNoValue);
  for (size_t i = 0; i < 2; ++i) {
    CHECK(parts[i].value(parts[i].logits).kind == ValueKind::kOutput);
    CHECK(parts[i].value(parts[i].logits).shape == Shape{4, kWidth});
    CHECK_FALSE(is_logit_row_value(parts[i], parts[i].logits));
    REQUIRE(parts[i + 1].hidden != kNoValue);
    const Value& hidden = parts[i + 1].value(parts[i + 1].hidden);
    CHECK(hidden.kind == ValueKind::kStepInput);
    CHECK(hidden.field == StepField::kHidden);
    CHECK(hidden.shape == Shape{4, kWidth});
    // Nobody may write into the input's memory, and the workspace has no place for it.
    for (const ValueId taken : in_place_values(parts[i + 1])) CHECK(taken != parts[i + 1].hidden);
    CHECK(plan_memory(parts[i + 1], {}).offsets[size_t(parts[i + 1].hidden)] == -1);
  }
  CHECK(parts[2].value(parts[2].logits).shape == Shape{2, 10});
  CHECK(is_logit_row_value(parts[2], parts[2].logits));
}

TEST_CASE("a part has only its own weights, constants and layers of the KV cache") {
  const std::vector<Graph> parts = split(decoder(4), {3});
  CHECK(parts[0].weight_names == std::vector<std::string>{"embd", "blk.0.wk", "blk.0.wo", "blk.1.wk",
                                                          "blk.1.wo", "blk.2.wk", "blk.2.wo"});
  // The tied head: a weight of both parts.
  CHECK(parts[1].weight_names == std::vector<std::string>{"blk.3.wk", "blk.3.wo", "embd"});
  CHECK(parts[1].constants == std::vector<std::vector<float>>{{1, 0.5f}});
  for (const Value& v : parts[1].values)
    if (v.kind == ValueKind::kWeight) CHECK(parts[1].weight_names[size_t(v.index)] == v.name);
  for (const Node& node : parts[1].nodes) {
    if (node.op == OpKind::kKvAppend) CHECK(Graph::attrs_of<KvAppendAttrs>(node).layer == 0);
    if (node.op == OpKind::kAttention) CHECK(Graph::attrs_of<AttentionAttrs>(node).layer == 0);
  }
  CHECK(split(decoder(2), {0})[0].weight_names == std::vector<std::string>{"embd"});
  CHECK(split(decoder(2), {0})[0].constants.empty());
}

TEST_CASE("no cut gives the graph itself") {
  const Graph whole = decoder(2);
  const std::vector<Graph> parts = split(whole, {});
  REQUIRE(parts.size() == 1);
  CHECK(names_of(parts[0]) == names_of(whole));
  CHECK(parts[0].weight_names == whole.weight_names);
}

TEST_CASE("a graph with a second value across the border is refused by name") {
  const auto parts = split_graph(decoder(3, true), std::vector<int32_t>{1});
  REQUIRE_FALSE(parts.is_ok());
  CHECK(parts.status().code() == StatusCode::kUnsupported);
  CHECK(parts.message().find("blk.1.k") != std::string::npos);
  // The embedding reaches over a whole part.
  CHECK_FALSE(split_graph(decoder(3, true), std::vector<int32_t>{0, 1}).is_ok());
  // Behind the layer with the leak nothing but the residual crosses.
  CHECK(split_graph(decoder(3, true), std::vector<int32_t>{2}).is_ok());
}
