// Q2_K: super-blocks of 256 elements in 84 bytes (2.625 bits each), 16 groups of 16 with a scale and a min.
//
//   byte  0            16                       80        82           84
//         +------------+------------------------+---------+------------+
//         | scales[16] | qs[64]                 | d (f16) | dmin (f16) |
//         +------------+------------------------+---------+------------+
//
//   Element e = 128 h + 32 k + l (h < 2, k < 4, l < 32) has bits 2k, 2k+1 of qs[32 h + l]:
//
//     qs[32 h + l]:   bits 7-6    bits 5-4    bits 3-2    bits 1-0
//            of e =   128h+96+l   128h+64+l   128h+32+l   128h+l
//
//   value(e) = d * (scales[g] & 15) * code(e) - dmin * (scales[g] >> 4), g = e / 16, code 0..3.
#pragma once

#include <cstdint>

namespace dunlin {

struct BlockQ2_K {
  static constexpr int kElements = 256;

  uint8_t scales[16];  // of each group: low nibble its scale, high nibble its min
  uint8_t qs[64];      // four codes of 2 bits a byte
  uint16_t d;          // f16, unit of the scales
  uint16_t dmin;       // f16, unit of the mins
};
static_assert(sizeof(BlockQ2_K) == 84, "the bytes of a file");

void dequantize_block(const BlockQ2_K& block, float* out);
void quantize_block(const float* x, BlockQ2_K& block);

}  // namespace dunlin
