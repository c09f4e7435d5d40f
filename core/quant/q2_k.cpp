#include "core/quant/q2_k.h"

#include <algorithm>
#include <cmath>

#include "core/base/half.h"
#include "core/quant/fit.h"
#include "core/quant/rounding.h"

namespace dunlin {
namespace {

constexpr int kGroup = 16;
constexpr int kGroups = 16;
constexpr int kMaxCode = 3;
constexpr int kMaxNibble = 15;
constexpr MinMaxSearch kSearch{kMaxCode, -0.5f, 0.1f, 15, true};

// The place of element e: this byte of qs, from this bit on.
constexpr int code_byte(int e) {
  return e / 128 * 32 + e % 32;
}
constexpr int code_shift(int e) {
  return e / 32 % 4 * 2;
}

// Codes of 4 bits for the groups' scales or mins in units of the largest, and that unit as f16.
uint16_t quantize_nibbles(const float (&values)[kGroups], uint8_t (&codes)[kGroups]) {
  float greatest = 0.0f;
  for (const float v : values) greatest = std::max(greatest, v);
  const float per_unit = greatest > 0.0f ? float(kMaxNibble) / greatest : 0.0f;
  for (int g = 0; g < kGroups; ++g) codes[g] = uint8_t(round_to_code(per_unit * values[g], 0, kMaxNibble));
  return f32_to_f16(greatest / float(kMaxNibble));
}

}  // namespace

void dequantize_block(const BlockQ2_K& block, float* out) {
  const float d = f16_to_f32(block.d);
  const float dmin = f16_to_f32(block.dmin);
  for (int e = 0; e < BlockQ2_K::kElements; ++e) {
    const uint8_t scale = block.scales[e / kGroup];
    const int code = block.qs[code_byte(e)] >> code_shift(e) & 3;
    out[e] = d * float(scale & 15) * float(code) - dmin * float(scale >> 4);
  }
}

void quantize_block(const float* x, BlockQ2_K& block) {
  // 1. Every group by itself, weighted by |x|.
  uint8_t codes[BlockQ2_K::kElements];
  float scales[kGroups], mins[kGroups];
  for (int g = 0; g < kGroups; ++g) {
    const std::span<const float> group(x + kGroup * g, kGroup);
    float weights[kGroup];
    for (int i = 0; i < kGroup; ++i) weights[i] = std::fabs(group[size_t(i)]);
    const MinMaxFit fit = fit_minmax(group, weights, kSearch, codes + kGroup * g);
    scales[g] = fit.scale;
    mins[g] = fit.min;
  }

  // 2. The scales and mins in units of the largest.
  uint8_t scale_codes[kGroups], min_codes[kGroups];
  block.d = quantize_nibbles(scales, scale_codes);
  block.dmin = quantize_nibbles(mins, min_codes);
  for (int g = 0; g < kGroups; ++g) block.scales[g] = uint8_t(scale_codes[g] | min_codes[g] << 4);

  // 3. The codes once more, from the rounded scales. A group without a scale keeps its codes.
  for (int e = 0; e < BlockQ2_K::kElements; ++e) {
    const float step = f16_to_f32(block.d) * float(scale_codes[e / kGroup]);
    if (step == 0.0f) continue;
    const float min = f16_to_f32(block.dmin) * float(min_codes[e / kGroup]);
    codes[e] = uint8_t(round_to_code((x[e] + min) / step, 0, kMaxCode));
  }

  std::fill(std::begin(block.qs), std::end(block.qs), uint8_t(0));
  for (int e = 0; e < BlockQ2_K::kElements; ++e) {
    block.qs[code_byte(e)] |= uint8_t(codes[e] << code_shift(e));
  }
}

}  // namespace dunlin
