#include "backends/cuda/weight.h"

namespace dunlin::cuda {
namespace {

int64_t n_strips(const WeightSource& source) {
  return (source.tensor.shape.n_rows() + kStripRows - 1) / kStripRows;
}

}  // namespace

Plane plane_for(DType type) {
  switch (type) {
    case DType::kQ4_0:
      return Plane::kW4;
    case DType::kQ5_0:
      return Plane::kW5;
    case DType::kQ8_0:
      return Plane::kW8;
    case DType::kQ4_K:
      return Plane::kW4K;
    case DType::kQ5_K:
      return Plane::kW5K;
    case DType::kQ3_K:
    case DType::kQ6_K:
      return Plane::kW6K;
    case DType::kF32:
      return Plane::kF32;
    case DType::kBF16:
      return Plane::kBF16;
    default:
      return Plane::kF16;
  }
}

uint64_t device_bytes(const WeightSource& source) {
  const Shape& shape = source.tensor.shape;
  if (shape.rank() == 1) return uint64_t(shape[0]) * sizeof(float);
  const Plane plane = plane_for(source.tensor.type);
  if (!is_quantized(plane)) return uint64_t(shape.elements()) * uint64_t(plane_info(plane).tile_bytes);
  return uint64_t(n_strips(source)) * uint64_t(strip_bytes(plane, shape.row_elements()));
}

}  // namespace dunlin::cuda
