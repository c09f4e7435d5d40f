// TensorView: a typed, shaped window on bytes that somebody else owns. Rows are contiguous, no strides.
#pragma once

#include <cstdint>
#include <span>

#include "core/tensor/dtype.h"
#include "core/tensor/shape.h"

namespace dunlin {

struct TensorView {
  DType type = DType::kF32;
  Shape shape;
  std::span<const uint8_t> bytes;  // exactly shape.n_rows() * row_bytes(type, shape.row_elements())
};

}  // namespace dunlin
