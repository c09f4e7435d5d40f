// The table of weight formats: one scalar codec per DType, the single truth about what the bytes on disk
// mean. Every backend's unpackers are tested against it. All functions are pure and thread-safe.
#pragma once

#include <cstdint>

#include "core/tensor/dtype.h"

namespace dunlin {

// The largest magnitude that every type can hold: beyond f16's range scales become infinite or lose the
// block.
inline constexpr float kMaxQuantizable = 65504.0f;

// In every function n counts elements and is a multiple of the type's block_elements; blocks needs no
// alignment.
struct QuantFormat {
  DType type;
  void (*dequantize)(const uint8_t* blocks, float* out, uint64_t n);
  // The bytes equal llama.cpp's (no importance matrix). For |x| <= kMaxQuantizable the result decodes to
  // finite values; beyond that, and for NaN, the codes are unspecified, yet every float may be passed.
  void (*quantize)(const float* x, uint8_t* blocks, uint64_t n);
};

// Valid for every file type of dtype.h.
const QuantFormat& quant_format(DType type);

}  // namespace dunlin
