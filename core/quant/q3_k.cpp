#include "core/quant/q3_k.h"

#include <algorithm>

#include "core/base/half.h"
#include "core/quant/fit.h"
#include "core/quant/rounding.h"

namespace dunlin {
namespace {

constexpr int kGroup = 16;
constexpr int kGroups = 16;

// The place of element e: bits 0-1 of its code in this byte of qs, from this bit on.
constexpr int code_byte(int e) {
  return e / 128 * 32 + e % 32;
}
constexpr int code_shift(int e) {
  return e / 32 % 4 * 2;
}

int unpack_scale(const BlockQ3_K& block, int group) {
  const int low = block.scales[group % 8] >> (group < 8 ? 0 : 4) & 15;
  const int high = block.scales[8 + group % 4] >> (2 * (group / 4)) & 3;
  return (low | high << 4) - 32;
}

// scale is -32..31; the bytes of block.scales start as zeros.
void pack_scale(BlockQ3_K& block, int group, int scale) {
  const int code = scale + 32;
  block.scales[group % 8] |= uint8_t((code & 15) << (group < 8 ? 0 : 4));
  block.scales[8 + group % 4] |= uint8_t((code >> 4) << (2 * (group / 4)));
}

}  // namespace

void dequantize_block(const BlockQ3_K& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int e = 0; e < BlockQ3_K::kElements; ++e) {
    const int low = block.qs[code_byte(e)] >> code_shift(e) & 3;
    const int high = block.hmask[e % 32] >> (e / 32) & 1;
    out[e] = d * float(unpack_scale(block, e / kGroup)) * float((low | high << 2) - 4);
  }
}

void quantize_block(const float* x, BlockQ3_K& block) {
  block = {};
  // 1. Every group by itself.
  uint8_t codes[BlockQ3_K::kElements];
  float scales[kGroups];
  for (int g = 0; g < kGroups; ++g) scales[g] = fit_q3({x + kGroup * g, kGroup}, codes + kGroup * g);

  // 2. The scales in units of the largest, which becomes -32. All zeros: bytes of 0, which mean scales of
  // -32.
  const float peak = signed_peak(scales);
  if (peak != 0.0f) {
    const float per_unit = -32.0f / peak;
    for (int g = 0; g < kGroups; ++g) pack_scale(block, g, round_to_code(per_unit * scales[g], -32, 31));
    block.d = f32_to_f16(1.0f / per_unit);
  }

  // 3. The codes once more, from the rounded scales. A group without a scale keeps its codes.
  for (int e = 0; e < BlockQ3_K::kElements; ++e) {
    const float step = f16_to_f32(block.d) * float(unpack_scale(block, e / kGroup));
    if (step != 0.0f) codes[e] = uint8_t(round_to_code(x[e] / step, -4, 3) + 4);
    block.qs[code_byte(e)] |= uint8_t((codes[e] & 3) << code_shift(e));
    block.hmask[e % 32] |= uint8_t((codes[e] >> 2) << (e / 32));
  }
}

}  // namespace dunlin
