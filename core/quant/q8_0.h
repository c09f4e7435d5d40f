// Q8_0: blocks of 32 elements in 34 bytes (8.5 bits each), one scale.
//
//   byte  0         2                      34
//         +---------+----------------------+
//         | d (f16) | qs[32]               |
//         +---------+----------------------+
//
//   value(e) = d * qs[e], code -127..127 as written here; a file may hold -128.
#pragma once

#include <cstdint>

namespace dunlin {

struct BlockQ8_0 {
  static constexpr int kElements = 32;

  uint16_t d;     // f16 scale
  int8_t qs[32];  // codes
};
static_assert(sizeof(BlockQ8_0) == 34, "the bytes of a file");

void dequantize_block(const BlockQ8_0& block, float* out);
void quantize_block(const float* x, BlockQ8_0& block);

}  // namespace dunlin
