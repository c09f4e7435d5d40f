#include "tests/conformance/op_case.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <iostream>
#include <map>
#include <numeric>
#include <random>

#include "core/graph/passes/passes.h"
#include "core/graph/verify.h"
#include "tools/ops/case_weights.h"

namespace dunlin::testing {
namespace {

Graph build_graph(const OpCase& op_case, int32_t n_rows, const Device& device) {
  GraphBuilder builder({n_rows, n_rows});
  const ValueId out = op_case.build(builder);
  Graph graph = builder.finish(out);
  run_passes(graph, [&](const Graph& g, const Node& n) { return device.supports(g, n, nullptr); });
  REQUIRE(verify_graph(graph).is_ok());
  return graph;
}

// The steps of a case as a device sees them; tokens are a fixed random sequence.
class CaseSteps {
 public:
  CaseSteps(const OpCase& op_case, Device& device, int32_t n_rows)
      : n_sequences_(op_case.n_sequences),
        n_blocks_((op_case.context + device.kv_block_tokens() - 1) / device.kv_block_tokens()),
        first_position_(op_case.first_position),
        inputs_({n_rows, n_rows, n_sequences_, n_blocks_}) {}

  const StepInputs& next(const std::vector<CaseChunk>& chunks) {
    inputs_.clear();
    for (const CaseChunk& chunk : chunks) {
      std::vector<int32_t> tokens(static_cast<size_t>(chunk.n_tokens)),
          blocks(static_cast<size_t>(n_blocks_));
      for (int32_t& t : tokens) t = int32_t(random_() % uint64_t(ops::kCaseTokens));
      // Blocks of a sequence are not adjacent: n_sequences apart.
      for (int32_t b = 0; b < n_blocks_; ++b) blocks[size_t(b)] = b * n_sequences_ + chunk.sequence;
      const int32_t row = inputs_.n_rows();
      REQUIRE(inputs_.add_sequence(tokens, first_position_ + lengths_[chunk.sequence], blocks));
      for (int32_t t = 0; t < chunk.n_tokens; ++t) REQUIRE(inputs_.want_logits(row + t));
      lengths_[chunk.sequence] += chunk.n_tokens;
    }
    return inputs_;
  }
  int32_t n_blocks() const { return n_blocks_; }

 private:
  int32_t n_sequences_, n_blocks_, first_position_;
  StepInputs inputs_;
  std::map<int32_t, int32_t> lengths_;
  std::mt19937_64 random_{99};
};

}  // namespace

bool runs_case(const OpCase& op_case, const Device& device) {
  if (!op_case.may_be_refused) return true;
  const Graph graph = build_graph(op_case, kCaseRows, device);
  for (const Node& node : graph.nodes) {
    std::string why;
    if (device.supports(graph, node, &why)) continue;
    std::cerr << "skipped: " << op_case.name << " on " << device.info().id << ": " << why << '\n';
    return false;
  }
  return true;
}

std::vector<float> run_case(const OpCase& op_case, Device& device, int32_t n_rows) {
  const Graph graph = build_graph(op_case, n_rows, device);
  const auto weights = ops::upload_random_weights(graph, device);
  INFO((weights.is_ok() ? "" : weights.message()));
  REQUIRE(weights.is_ok());
  CaseSteps steps(op_case, device, n_rows);
  auto cache = device.create_kv_cache(op_case.kv, steps.n_blocks() * op_case.n_sequences);
  REQUIRE(cache.is_ok());
  auto plan =
      device.compile(graph, {weights->bindings, cache->get(), steps.n_blocks(), op_case.n_sequences}, {});
  INFO((plan.is_ok() ? "" : plan.message()));
  REQUIRE(plan.is_ok());
  std::vector<float> out;
  for (const auto& chunks : op_case.steps) {
    const StepInputs& inputs = steps.next(chunks);
    // What a step leaves from the last one must not matter.
    std::ranges::fill((*plan)->logits(), NAN);
    REQUIRE((*plan)->run(inputs).is_ok());
    const auto n = size_t(inputs.n_rows()) * size_t(graph.value(graph.logits).shape.row_elements());
    const auto rows = (*plan)->logits().subspan(0, n);
    out.insert(out.end(), rows.begin(), rows.end());
  }
  return out;
}

}  // namespace dunlin::testing
