// F32, F16 and BF16 in P16: for each k the elements of 16 rows side by side. Every element becomes f32
// exactly.
#pragma once

#include <cstdint>

#include "core/tensor/dtype.h"

namespace dunlin::cpu {

template <class V>
struct DenseF32 {
  static constexpr DType kType = DType::kF32;
  using Element = float;
  static typename V::Floats load(const float* p) { return V::load_f32(p); }
};

template <class V>
struct DenseF16 {
  static constexpr DType kType = DType::kF16;
  using Element = uint16_t;
  static typename V::Floats load(const uint16_t* p) { return V::load_f16(p); }
};

template <class V>
struct DenseBF16 {
  static constexpr DType kType = DType::kBF16;
  using Element = uint16_t;
  static typename V::Floats load(const uint16_t* p) { return V::load_bf16(p); }
};

}  // namespace dunlin::cpu
