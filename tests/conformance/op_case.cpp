#include "tests/conformance/op_case.h"

#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <numeric>
#include <random>

#include "core/graph/passes/passes.h"
#include "core/graph/verify.h"
#include "core/quant/format.h"

namespace dunlin::testing {
namespace {

std::vector<uint8_t> random_weight(const Value& v, uint64_t seed) {
  std::mt19937_64 random(seed);
  // Vectors are norms and biases: around one; matrices keep the size of what they multiply.
  const bool is_vector = v.shape.rank() == 1;
  std::normal_distribution<float> normal(is_vector ? 1.0f : 0.0f,
                                         is_vector ? 0.3f : 1 / std::sqrt(float(v.shape.row_elements())));
  std::vector<float> values(size_t(v.shape.elements()));
  for (float& x : values) x = normal(random);
  std::vector<uint8_t> bytes(size_t(v.shape.n_rows()) * row_bytes(v.type, uint64_t(v.shape.row_elements())));
  quant_format(v.type).quantize(values.data(), bytes.data(), values.size());
  return bytes;
}

Graph build_graph(const OpCase& op_case, int32_t n_rows) {
  GraphBuilder builder({n_rows, n_rows});
  const ValueId out = op_case.build(builder);
  Graph graph = builder.finish(out);
  REQUIRE(verify_graph(graph).is_ok());
  return graph;
}

struct Weights {
  std::vector<std::unique_ptr<DeviceWeight>> owned;
  std::vector<const DeviceWeight*> bindings;
};

Weights upload(const Graph& graph, Device& device) {
  Weights weights;
  for (size_t i = 0; i < graph.weight_names.size(); ++i) {
    WeightSource source;
    std::vector<uint8_t> bytes;
    for (size_t v = 0; v < graph.values.size(); ++v) {
      const Value& value = graph.values[v];
      if (value.kind != ValueKind::kWeight || size_t(value.index) != i) continue;
      bytes = random_weight(value, i + 1);
      source.name = value.name;
      source.tensor = source_in_memory({value.type, value.shape, bytes});
      for (const Node& node : graph.nodes)
        for (const ValueId id : node.inputs)
          if (id == ValueId(v) && value.shape.rank() == 2)
            (node.op == OpKind::kEmbed ? source.for_embedding : source.for_linear) = true;
    }
    auto weight = device.upload(source);
    INFO((weight.is_ok() ? "" : weight.message()));
    REQUIRE(weight.is_ok());
    weights.owned.push_back(std::move(weight).value());
    weights.bindings.push_back(weights.owned.back().get());
  }
  return weights;
}

// The steps of a case as a device sees them; tokens are a fixed random sequence.
class CaseSteps {
 public:
  CaseSteps(Device& device, int32_t n_rows)
      : n_blocks_((kCaseContext + device.kv_block_tokens() - 1) / device.kv_block_tokens()),
        inputs_({n_rows, n_rows, kCaseSequences, n_blocks_}) {}

  const StepInputs& next(const std::vector<CaseChunk>& chunks) {
    inputs_.clear();
    for (const CaseChunk& chunk : chunks) {
      std::vector<int32_t> tokens(static_cast<size_t>(chunk.n_tokens)),
          blocks(static_cast<size_t>(n_blocks_));
      for (int32_t& t : tokens) t = int32_t(random_() % uint64_t(kCaseTokens));
      // Blocks of a sequence are not adjacent: n_sequences apart.
      for (int32_t b = 0; b < n_blocks_; ++b) blocks[size_t(b)] = b * kCaseSequences + chunk.sequence;
      const int32_t row = inputs_.n_rows();
      REQUIRE(inputs_.add_sequence(tokens, lengths_[chunk.sequence], blocks));
      for (int32_t t = 0; t < chunk.n_tokens; ++t) REQUIRE(inputs_.want_logits(row + t));
      lengths_[chunk.sequence] += chunk.n_tokens;
    }
    return inputs_;
  }
  int32_t n_blocks() const { return n_blocks_; }

 private:
  int32_t n_blocks_;
  StepInputs inputs_;
  std::map<int32_t, int32_t> lengths_;
  std::mt19937_64 random_{99};
};

}  // namespace

std::vector<float> run_case(const OpCase& op_case, Device& device, int32_t n_rows) {
  const Graph graph = build_graph(op_case, n_rows);
  const Weights weights = upload(graph, device);
  CaseSteps steps(device, n_rows);
  auto cache = device.create_kv_cache(op_case.kv, steps.n_blocks() * kCaseSequences);
  REQUIRE(cache.is_ok());
  auto plan = device.compile(graph, {weights.bindings, cache->get(), steps.n_blocks()}, {});
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
