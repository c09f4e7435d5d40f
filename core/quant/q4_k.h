// Q4_K: super-blocks of 256 elements in 144 bytes (4.5 bits each), 8 groups of 32 with a scale and a min.
//
//   byte  0         2            4            16                       144
//         +---------+------------+------------+------------------------+
//         | d (f16) | dmin (f16) | scales[12] | qs[128]                |
//         +---------+------------+------------+------------------------+
//
//     qs[32 c + l] (c < 4, l < 32):   high nibble            low nibble
//                                     element 64c + 32 + l   element 64c + l
//                                     group 2c + 1           group 2c
//
//   value(e) = d * scale(g) * code(e) - dmin * min(g), g = e / 32, code 0..15.
#pragma once

#include <cstdint>

namespace dunlin {

struct BlockQ4_K {
  static constexpr int kElements = 256;

  uint16_t d;          // f16, unit of the scales
  uint16_t dmin;       // f16, unit of the mins
  uint8_t scales[12];  // 8 scales and 8 mins of 6 bits, see scale_min.h
  uint8_t qs[128];     // two codes of 4 bits a byte
};
static_assert(sizeof(BlockQ4_K) == 144, "the bytes of a file");

void dequantize_block(const BlockQ4_K& block, float* out);
void quantize_block(const float* x, BlockQ4_K& block);

}  // namespace dunlin
