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

// A float is Inf or NaN exactly if all its exponent bits are set.
template <typename Bits, Bits exponent_mask>
bool finite_elements(const uint8_t* blocks, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    Bits bits;
    std::memcpy(&bits, blocks + i * sizeof bits, sizeof bits);
    if ((bits & exponent_mask) == exponent_mask) return false;
  }
  return true;
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

bool finite_f32(const uint8_t* blocks, uint64_t n) {
  return finite_elements<uint32_t, 0x7F800000u>(blocks, n);
}

bool finite_f16(const uint8_t* blocks, uint64_t n) {
  return finite_elements<uint16_t, 0x7C00u>(blocks, n);
}

bool finite_bf16(const uint8_t* blocks, uint64_t n) {
  return finite_elements<uint16_t, 0x7F80u>(blocks, n);
}

}  // namespace dunlin
