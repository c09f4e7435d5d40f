// Q4_0: blocks of 32 elements in 18 bytes (4.5 bits each), one scale.
//
//   byte  0         2                      18
//         +---------+----------------------+
//         | d (f16) | qs[16]               |
//         +---------+----------------------+
//
//   value(e) = d * (code(e) - 8), code 0..15. d carries the sign of the element of largest magnitude, which
//   gets code 0.
#pragma once

#include <cstdint>

namespace dunlin {

struct BlockQ4_0 {
  static constexpr int kElements = 32;

  uint16_t d;      // f16 scale
  uint8_t qs[16];  // codes, see codes32.h
};
static_assert(sizeof(BlockQ4_0) == 18, "the bytes of a file");

void dequantize_block(const BlockQ4_0& block, float* out);
void quantize_block(const float* x, BlockQ4_0& block);

}  // namespace dunlin
