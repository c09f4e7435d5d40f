// Eight groups of 32 elements, each with a 6-bit scale and a 6-bit min: the part that Q4_K and Q5_K share.
//
// The 16 six-bit numbers lie in 12 bytes, p[0..11] (s = scale, m = min, group j):
//
//     byte           bits 7-6            bits 5-0
//     p[j],   j<4    bits 5-4 of s[j+4]  s[j]
//     p[j+4], j<4    bits 5-4 of m[j+4]  m[j]
//
//     byte           bits 7-4            bits 3-0
//     p[j+8], j<4    bits 3-0 of m[j+4]  bits 3-0 of s[j+4]
#pragma once

#include <cstdint>

#include "core/quant/fit.h"

namespace dunlin {

inline constexpr int kScaleMinGroups = 8;
inline constexpr int kScaleMinBytes = 12;

struct ScaleMin {
  uint8_t scale;  // 0..63
  uint8_t min;    // 0..63
  bool operator==(const ScaleMin&) const = default;
};

constexpr ScaleMin unpack_scale_min(const uint8_t* packed, int group) {
  if (group < 4) return {uint8_t(packed[group] & 63), uint8_t(packed[group + 4] & 63)};
  const uint8_t low = packed[group + 4];
  return {uint8_t((low & 15) | (packed[group - 4] >> 6) << 4), uint8_t(low >> 4 | (packed[group] >> 6) << 4)};
}

void pack_scale_mins(const ScaleMin (&groups)[kScaleMinGroups], uint8_t (&packed)[kScaleMinBytes]);

// 256 elements before their codes are packed: x[e] ~ d * scale(g) * codes[e] - dmin * min(g), g = e / 32.
struct ScaleMinBlock {
  uint16_t d;     // f16
  uint16_t dmin;  // f16
  uint8_t scales[kScaleMinBytes];
  uint8_t codes[256];
};
ScaleMinBlock fit_scale_min_block(const float* x, const MinMaxSearch& search);

}  // namespace dunlin
