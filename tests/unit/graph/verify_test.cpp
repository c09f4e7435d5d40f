#include "core/graph/verify.h"

#include <catch2/catch.hpp>

#include "core/base/check.h"
#include "core/graph/builder.h"
#include "core/graph/op_info.h"

using namespace dunlin;

namespace {

Graph small_graph() {
  GraphBuilder g({2, 1});
  const ValueId x = g.embed("embd", g.weight("embd", DType::kQ8_0, {10, 32}));
  const ValueId rows = g.gather_logit_rows("rows", x);
  return g.finish(g.linear("head", rows, g.weight("embd", DType::kQ8_0, {10, 32})));
}

}  // namespace

TEST_CASE("a sound graph verifies") {
  CHECK(verify_graph(small_graph()).is_ok());
}

TEST_CASE("a value that is read before it is written is named") {
  Graph graph = small_graph();
  std::swap(graph.nodes[0], graph.nodes[1]);
  const Status status = verify_graph(graph);
  CHECK(status.code() == StatusCode::kInternal);
  CHECK(status.message().find("'rows'") != std::string::npos);
}

TEST_CASE("a wrong output shape is found") {
  Graph graph = small_graph();
  graph.values[size_t(graph.logits)].shape = Shape{1, 9};
  CHECK_FALSE(verify_graph(graph).is_ok());
}

TEST_CASE("a builder refuses what does not fit") {
  GraphBuilder g({2, 1});
  const ValueId x = g.embed("embd", g.weight("embd", DType::kF32, {10, 32}));
  CHECK_THROWS_AS(g.linear("bad", x, g.weight("w", DType::kF32, {4, 33})), CheckFailure);
}

TEST_CASE("decode reads one row of a table and all of a head") {
  CHECK(weight_bytes_per_token(small_graph()) == 34 + 10 * 34);
}

TEST_CASE("values behind gather_rows have logit rows") {
  const Graph graph = small_graph();
  CHECK(is_logit_row_value(graph, graph.logits));
  CHECK_FALSE(is_logit_row_value(graph, graph.nodes[0].outputs[0]));
}
