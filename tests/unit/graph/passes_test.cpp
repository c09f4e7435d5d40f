#include "core/graph/passes/passes.h"

#include <catch2/catch.hpp>

#include "core/graph/builder.h"
#include "core/graph/print.h"
#include "core/graph/verify.h"

using namespace dunlin;

namespace {

const SupportsNode kSupportsAll = [](const Graph&, const Node&) { return true; };

struct Fixture {
  GraphBuilder g{{4, 4}};
  ValueId x = g.embed("embd", g.weight("embd", DType::kF32, {10, 8}));
  ValueId weight(const char* name, int64_t n = 8) { return g.weight(name, DType::kF32, {n, 8}); }
  Graph finish(ValueId out) { return g.finish(out); }
};

size_t count(const Graph& graph, OpKind op) {
  size_t n = 0;
  for (const Node& node : graph.nodes) n += node.op == op;
  return n;
}

}  // namespace

TEST_CASE("glu of two linears on one input becomes linear_glu") {
  Fixture f;
  const ValueId gate = f.g.linear("gate", f.x, f.weight("wg"));
  const ValueId up = f.g.linear("up", f.x, f.weight("wu"));
  Graph graph = f.finish(f.g.glu("glu", gate, up, {}));
  CHECK(fuse_linear_glu(graph, kSupportsAll) == 1);
  CHECK(graph.nodes.size() == 2);
  CHECK(print_node(graph, graph.nodes[1]) ==
        "%10[4, 8] = linear_glu(%5, wg:F32[8, 8], wu:F32[8, 8]) act=silu");
  CHECK(verify_graph(graph).is_ok());
}

TEST_CASE("linear_glu has the activation of its glu") {
  Fixture f;
  const ValueId gate = f.g.linear("gate", f.x, f.weight("wg"));
  const ValueId up = f.g.linear("up", f.x, f.weight("wu"));
  Graph graph = f.finish(f.g.glu("glu", gate, up, {Activation::kGeluTanh}));
  CHECK(fuse_linear_glu(graph, kSupportsAll) == 1);
  CHECK(Graph::attrs_of<GluAttrs>(graph.nodes[1]).activation == Activation::kGeluTanh);
}

TEST_CASE("fuse_linear_glu must not fire") {
  Fixture f;
  const ValueId gate = f.g.linear("gate", f.x, f.weight("wg"));
  SECTION("when a half has a bias") {
    const ValueId up = f.g.linear("up", f.x, f.weight("wu"), f.g.weight("b", DType::kF32, {8}));
    Graph graph = f.finish(f.g.glu("glu", gate, up, {}));
    CHECK(fuse_linear_glu(graph, kSupportsAll) == 0);
  }
  SECTION("when somebody else reads a half") {
    const ValueId up = f.g.linear("up", f.x, f.weight("wu"));
    Graph graph = f.finish(f.g.add("sum", f.g.glu("glu", gate, up, {}), up));
    CHECK(fuse_linear_glu(graph, kSupportsAll) == 0);
  }
  SECTION("when the halves read different inputs") {
    const ValueId up = f.g.linear("up", f.g.add("x2", f.x, f.x), f.weight("wu"));
    Graph graph = f.finish(f.g.glu("glu", gate, up, {}));
    CHECK(fuse_linear_glu(graph, kSupportsAll) == 0);
  }
  SECTION("when the device has not its activation") {
    const ValueId up = f.g.linear("up", f.x, f.weight("wu"));
    Graph graph = f.finish(f.g.glu("glu", gate, up, {Activation::kGeluTanh}));
    const auto has_silu = [](const Graph&, const Node& node) {
      return Graph::attrs_of<GluAttrs>(node).activation == Activation::kSilu;
    };
    CHECK(fuse_linear_glu(graph, has_silu) == 0);
  }
  SECTION("when the device cannot run the result") {
    const ValueId up = f.g.linear("up", f.x, f.weight("wu"));
    Graph graph = f.finish(f.g.glu("glu", gate, up, {}));
    CHECK(fuse_linear_glu(graph, [](const Graph&, const Node&) { return false; }) == 0);
    CHECK(graph.nodes.size() == 4);
  }
}

TEST_CASE("an add behind a linear becomes its residual") {
  Fixture f;
  const ValueId y = f.g.linear("o", f.g.add("x2", f.x, f.x), f.weight("wo"));
  Graph graph = f.finish(f.g.add("residual", f.x, y));
  CHECK(fuse_residual(graph, kSupportsAll) == 1);
  CHECK(count(graph, OpKind::kAdd) == 1);
  CHECK(std::get<LinearAttrs>(graph.nodes.back().attrs).has_residual);
  CHECK(verify_graph(graph).is_ok());
}

TEST_CASE("fuse_residual must not fire") {
  Fixture f;
  const ValueId y = f.g.linear("o", f.x, f.weight("wo"));
  SECTION("when the residual is written after the linear") {
    const ValueId late = f.g.add("late", f.x, f.x);
    Graph graph = f.finish(f.g.add("residual", late, y));
    CHECK(fuse_residual(graph, kSupportsAll) == 0);
  }
  SECTION("when the product is read twice") {
    Graph graph = f.finish(f.g.add("residual", f.g.add("twice", y, y), y));
    CHECK(fuse_residual(graph, kSupportsAll) == 0);
  }
}

TEST_CASE("neighbouring linears on one input become a group") {
  Fixture f;
  const ValueId q = f.g.linear("q", f.x, f.weight("wq"), f.g.weight("bq", DType::kF32, {8}));
  const ValueId k = f.g.linear("k", f.x, f.weight("wk", 4));
  const ValueId v = f.g.linear("v", f.x, f.weight("wv", 4));
  f.g.kv_append("append", k, v, {0});
  Graph graph = f.finish(q);
  CHECK(fuse_linear_group(graph, kSupportsAll) == 1);
  const auto members = linear_group_members(graph.nodes[1]);
  REQUIRE(members.size() == 3);
  CHECK(graph.value(members[0].bias).name == "bq");
  CHECK(members[1].bias == kNoValue);
  CHECK(graph.value(members[2].weight).name == "wv");
  CHECK(verify_graph(graph).is_ok());
}

TEST_CASE("fuse_linear_group must not fire across another node or for one linear") {
  Fixture f;
  const ValueId q = f.g.linear("q", f.x, f.weight("wq"));
  const ValueId s = f.g.add("between", q, q);
  const ValueId k = f.g.linear("k", f.x, f.weight("wk"));
  Graph graph = f.finish(f.g.add("sum", s, k));
  CHECK(fuse_linear_group(graph, kSupportsAll) == 0);
}
