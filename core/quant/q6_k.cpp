#include "core/quant/q6_k.h"

#include <cmath>

#include "core/base/half.h"
#include "core/quant/fit.h"
#include "core/quant/rounding.h"

namespace dunlin {
namespace {

constexpr int kGroup = 16;
constexpr int kGroups = 16;
constexpr int kHalfRange = 32;

// The place of element e: bits 0-3 of its code in this byte of ql, from this bit on; bits 4-5 likewise in qh.
constexpr int low_byte(int e) {
  return e / 128 * 64 + e % 64;
}
constexpr int low_shift(int e) {
  return e / 64 % 2 * 4;
}
constexpr int high_byte(int e) {
  return e / 128 * 32 + e % 32;
}
constexpr int high_shift(int e) {
  return e / 32 % 4 * 2;
}

}  // namespace

void dequantize_block(const BlockQ6_K& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int e = 0; e < BlockQ6_K::kElements; ++e) {
    const int low = block.ql[low_byte(e)] >> low_shift(e) & 15;
    const int high = block.qh[high_byte(e)] >> high_shift(e) & 3;
    out[e] = d * float(block.scales[e / kGroup]) * float((low | high << 4) - kHalfRange);
  }
}

void quantize_block(const float* x, BlockQ6_K& block) {
  block = {};
  // 1. Every group by itself.
  uint8_t codes[BlockQ6_K::kElements];
  float scales[kGroups];
  for (int g = 0; g < kGroups; ++g) {
    scales[g] = fit_sym({x + kGroup * g, kGroup}, kHalfRange, codes + kGroup * g);
  }

  // 2. The scales in units of the largest, which becomes -128. All zeros: a block of zero bytes.
  const float peak = signed_peak(scales);
  if (std::fabs(peak) < kZeroGroup) return;
  const float per_unit = -128.0f / peak;
  block.d = f32_to_f16(1.0f / per_unit);
  for (int g = 0; g < kGroups; ++g) block.scales[g] = int8_t(round_to_code(per_unit * scales[g], -128, 127));

  // 3. The codes once more, from the rounded scales. A group without a scale keeps its codes.
  for (int e = 0; e < BlockQ6_K::kElements; ++e) {
    const float step = f16_to_f32(block.d) * float(block.scales[e / kGroup]);
    if (step != 0.0f)
      codes[e] = uint8_t(round_to_code(x[e] / step, -kHalfRange, kHalfRange - 1) + kHalfRange);
    block.ql[low_byte(e)] |= uint8_t((codes[e] & 15) << low_shift(e));
    block.qh[high_byte(e)] |= uint8_t((codes[e] >> 4) << high_shift(e));
  }
}

}  // namespace dunlin
