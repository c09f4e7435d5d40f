// Q3_K: super-blocks of 256 elements in 110 bytes (3.4375 bits each), 16 groups of 16 with a signed scale.
//
//   byte  0           32                       96           108       110
//         +-----------+------------------------+------------+---------+
//         | hmask[32] | qs[64]                 | scales[12] | d (f16) |
//         +-----------+------------------------+------------+---------+
//
//   Element e = 128 h + 32 k + l (h < 2, k < 4, l < 32): bits 0-1 of its code are bits 2k, 2k+1 of qs[32 h +
//   l], bit 2 is bit 4h + k of hmask[l]. Scale of group g < 16: bits 0-3 are the low (g < 8) or high (g >= 8)
//   nibble of scales[g % 8], bits 4-5 are bits 2(g / 4), 2(g / 4) + 1 of scales[8 + g % 4].
//
//   value(e) = d * (scale(e / 16) - 32) * (code(e) - 4), code 0..7.
#pragma once

#include <cstdint>

namespace dunlin {

struct BlockQ3_K {
  static constexpr int kElements = 256;

  uint8_t hmask[32];   // bit 2 of every code
  uint8_t qs[64];      // bits 0-1 of every code
  uint8_t scales[12];  // 16 scales of 6 bits
  uint16_t d;          // f16, unit of the scales
};
static_assert(sizeof(BlockQ3_K) == 110, "the bytes of a file");

void dequantize_block(const BlockQ3_K& block, float* out);
void quantize_block(const float* x, BlockQ3_K& block);

}  // namespace dunlin
