// The plain float types: F32, F16 and BF16, one little-endian element after the other.
#pragma once

#include <cstdint>

namespace dunlin {

// n elements each; blocks needs no alignment. Narrowing rounds to nearest even.
void dequantize_f32(const uint8_t* blocks, float* out, uint64_t n);
void dequantize_f16(const uint8_t* blocks, float* out, uint64_t n);
void dequantize_bf16(const uint8_t* blocks, float* out, uint64_t n);

void quantize_f32(const float* x, uint8_t* blocks, uint64_t n);
void quantize_f16(const float* x, uint8_t* blocks, uint64_t n);
void quantize_bf16(const float* x, uint8_t* blocks, uint64_t n);

}  // namespace dunlin
