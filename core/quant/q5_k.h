// Q5_K: super-blocks of 256 elements in 176 bytes (5.5 bits each), 8 groups of 32 with a scale and a min.
//
//   byte  0         2            4            16       48                       176
//         +---------+------------+------------+--------+------------------------+
//         | d (f16) | dmin (f16) | scales[12] | qh[32] | qs[128]                |
//         +---------+------------+------------+--------+------------------------+
//
//     qs[32 c + l] (c < 4, l < 32):   high nibble            low nibble
//                                     element 64c + 32 + l   element 64c + l
//                                     group 2c + 1           group 2c
//     qh[l]: bit g is bit 4 of the code of element 32 g + l.
//
//   value(e) = d * scale(g) * code(e) - dmin * min(g), g = e / 32, code 0..31.
#pragma once

#include <cstdint>

namespace dunlin {

struct BlockQ5_K {
  static constexpr int kElements = 256;

  uint16_t d;          // f16, unit of the scales
  uint16_t dmin;       // f16, unit of the mins
  uint8_t scales[12];  // 8 scales and 8 mins of 6 bits, see scale_min.h
  uint8_t qh[32];      // bit 4 of every code
  uint8_t qs[128];     // bits 0-3 of every code
};
static_assert(sizeof(BlockQ5_K) == 176, "the bytes of a file");

void dequantize_block(const BlockQ5_K& block, float* out);
void quantize_block(const float* x, BlockQ5_K& block);

}  // namespace dunlin
