// The check of --check-tensors: a scale that is NaN or infinite makes every element of its block so.
#include <cmath>
#include <vector>

#include "core/model/weights.h"
#include "core/quant/format.h"

namespace dunlin {
namespace {

// Elements decoded at a time; a multiple of every block.
constexpr uint64_t kChunkElements = 16384;

Status check_finite(const Weight& weight) {
  const TensorSource& tensor = weight.tensor;
  const DTypeInfo& info = dtype_info(tensor.type);
  const QuantFormat& format = quant_format(tensor.type);
  const uint64_t n_elements = uint64_t(tensor.shape.elements());
  std::vector<uint8_t> blocks;
  std::vector<float> decoded(kChunkElements);
  for (uint64_t begin = 0; begin < n_elements; begin += kChunkElements) {
    const uint64_t count = std::min(kChunkElements, n_elements - begin);
    blocks.resize(size_t(count / info.block_elements * info.block_bytes));
    DUNLIN_RETURN_IF_ERROR(tensor.read(begin / info.block_elements * info.block_bytes, blocks));
    format.dequantize(blocks.data(), decoded.data(), count);
    for (uint64_t i = 0; i < count; ++i) {
      if (std::isfinite(decoded[i])) continue;
      const uint64_t element = begin + i;
      const uint64_t row_elements = uint64_t(tensor.shape.row_elements());
      return Status::corrupt(weight.source, ": tensor '", weight.name, "' ", tensor.shape.to_string(), " (",
                             info.name, "): element ", element % row_elements, " of row ",
                             element / row_elements, " is ", std::isnan(decoded[i]) ? "NaN" : "infinite",
                             "; the file is damaged");
    }
  }
  return Status::ok();
}

}  // namespace

Status check_weights_finite(const WeightTable& weights) {
  for (const Weight& weight : weights.weights()) DUNLIN_RETURN_IF_ERROR(check_finite(weight));
  return Status::ok();
}

}  // namespace dunlin
