#include "tools/ops/case_weights.h"

#include <cmath>
#include <cstring>
#include <random>

#include "core/base/check.h"
#include "core/quant/format.h"

namespace dunlin::ops {
namespace {

// Elements that are drawn and quantized; quantizing all of a large matrix takes longer than measuring it.
constexpr size_t kPoolElements = 1 << 20;
// Plain types are dealt out in runs of so many elements, so that dealing is not the work.
constexpr size_t kPlainRun = 256;

std::vector<uint8_t> random_weight(const Value& v, uint64_t seed) {
  std::mt19937_64 random(seed);
  const bool is_vector = v.shape.rank() == 1;
  std::normal_distribution<float> normal(is_vector ? 1.0f : 0.0f,
                                         is_vector ? 0.3f : 1 / std::sqrt(float(v.shape.row_elements())));
  const auto n_elements = size_t(v.shape.elements());
  std::vector<float> values(std::min(n_elements, kPoolElements));
  for (float& x : values) x = normal(random);
  std::vector<uint8_t> bytes(size_t(v.shape.n_rows()) * row_bytes(v.type, uint64_t(v.shape.row_elements())));
  quant_format(v.type).quantize(values.data(), bytes.data(), values.size());
  const DTypeInfo& info = dtype_info(v.type);
  const size_t unit = info.quantized ? info.block_bytes : kPlainRun * info.block_bytes;
  const size_t pool = values.size() / info.block_elements * info.block_bytes, n_units = pool / unit;
  for (size_t at = pool; at < bytes.size(); at += unit)
    std::memcpy(bytes.data() + at, bytes.data() + random() % n_units * unit,
                std::min(unit, bytes.size() - at));
  return bytes;
}

const Value& weight_value(const Graph& graph, size_t index) {
  for (const Value& v : graph.values)
    if (v.kind == ValueKind::kWeight && size_t(v.index) == index) return v;
  check_failed(__FILE__, __LINE__, "every weight is a value", "");
}

}  // namespace

Result<CaseWeights> upload_random_weights(const Graph& graph, Device& device) {
  CaseWeights weights;
  std::vector<std::vector<uint8_t>> sources;  // until the device has finished
  for (size_t i = 0; i < graph.weight_names.size(); ++i) {
    const Value& value = weight_value(graph, i);
    const std::vector<uint8_t>& bytes = sources.emplace_back(random_weight(value, i + 1));
    WeightSource source;
    source.name = value.name;
    source.tensor = source_in_memory({value.type, value.shape, bytes});
    for (const Node& node : graph.nodes)
      for (const ValueId id : node.inputs)
        if (&graph.value(id) == &value && value.shape.rank() == 2)
          (node.op == OpKind::kEmbed ? source.for_embedding : source.for_linear) = true;
    DUNLIN_ASSIGN_OR_RETURN(auto weight, device.upload(source));
    weights.bindings.push_back(weight.get());
    weights.owned.push_back(std::move(weight));
  }
  DUNLIN_RETURN_IF_ERROR(device.finish_uploads());
  return weights;
}

double nmse(std::span<const float> actual, std::span<const float> expected) {
  DUNLIN_CHECK(actual.size() == expected.size());
  double difference = 0, energy = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double d = double(actual[i]) - double(expected[i]);
    difference += d * d;
    energy += double(expected[i]) * double(expected[i]);
  }
  return difference / energy;
}

}  // namespace dunlin::ops
