// Q5_0: blocks of 32 elements in 22 bytes (5.5 bits each), one scale.
//
//   byte  0         2          6                      22
//         +---------+----------+----------------------+
//         | d (f16) | qh (u32) | qs[16]               |
//         +---------+----------+----------------------+
//
//   value(e) = d * (code(e) - 16), code 0..31. d carries the sign of the element of largest magnitude, which
//   gets code 0.
#pragma once

#include <cstdint>

namespace dunlin {

struct BlockQ5_0 {
  static constexpr int kElements = 32;

  uint16_t d;      // f16 scale
  uint8_t qh[4];   // bit 4 of every code, see codes32.h
  uint8_t qs[16];  // bits 0-3 of every code
};
static_assert(sizeof(BlockQ5_0) == 22, "the bytes of a file");

void dequantize_block(const BlockQ5_0& block, float* out);
void quantize_block(const float* x, BlockQ5_0& block);

}  // namespace dunlin
