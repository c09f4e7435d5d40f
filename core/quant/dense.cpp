#include "core/quant/dense.h"

#include <cstring>

#include "core/base/half.h"

namespace dunlin {
namespace {

template <float (*widen)(uint16_t)>
void dequantize_half(const uint8_t* blocks, float* out, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    uint16_t bits;
    std::memcpy(&bits, blocks + i * sizeof bits, sizeof bits);
    out[i] = widen(bits);
  }
}

template <uint16_t (*narrow)(float)>
void quantize_half(const float* x, uint8_t* blocks, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    const uint16_t bits = narrow(x[i]);
    std::memcpy(blocks + i * sizeof bits, &bits, sizeof bits);
  }
}

}  // namespace

void dequantize_f32(const uint8_t* blocks, float* out, uint64_t n) {
  if (n != 0) std::memcpy(out, blocks, n * sizeof(float));
}

void dequantize_f16(const uint8_t* blocks, float* out, uint64_t n) {
  dequantize_half<f16_to_f32>(blocks, out, n);
}

void dequantize_bf16(const uint8_t* blocks, float* out, uint64_t n) {
  dequantize_half<bf16_to_f32>(blocks, out, n);
}

void quantize_f32(const float* x, uint8_t* blocks, uint64_t n) {
  if (n != 0) std::memcpy(blocks, x, n * sizeof(float));
}

void quantize_f16(const float* x, uint8_t* blocks, uint64_t n) {
  quantize_half<f32_to_f16>(x, blocks, n);
}

void quantize_bf16(const float* x, uint8_t* blocks, uint64_t n) {
  quantize_half<f32_to_bf16>(x, blocks, n);
}

}  // namespace dunlin
