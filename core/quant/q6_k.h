// Q6_K: super-blocks of 256 elements in 210 bytes (6.5625 bits each), 16 groups of 16 with a signed scale.
//
//   byte  0                        128          192          208       210
//         +------------------------+------------+------------+---------+
//         | ql[128]                | qh[64]     | scales[16] | d (f16) |
//         +------------------------+------------+------------+---------+
//
//   Of element e = 128 h + 32 k + l (h < 2, k < 4, l < 32):
//
//     ql[64 h + l]:        high nibble k = 2   low nibble k = 0
//     ql[64 h + 32 + l]:   high nibble k = 3   low nibble k = 1
//     qh[32 h + l]:        bits 7-6 k = 3   bits 5-4 k = 2   bits 3-2 k = 1   bits 1-0 k = 0
//
//   value(e) = d * scales[e / 16] * (code(e) - 32), code 0..63.
#pragma once

#include <cstdint>

namespace dunlin {

struct BlockQ6_K {
  static constexpr int kElements = 256;

  uint8_t ql[128];    // bits 0-3 of every code
  uint8_t qh[64];     // bits 4-5 of every code
  int8_t scales[16];  // scale of each group
  uint16_t d;         // f16, unit of the scales
};
static_assert(sizeof(BlockQ6_K) == 210, "the bytes of a file");

void dequantize_block(const BlockQ6_K& block, float* out);
void quantize_block(const float* x, BlockQ6_K& block);

}  // namespace dunlin
