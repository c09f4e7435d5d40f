// Q4_1: blocks of 32 elements in 20 bytes (5 bits each), a step and a least value.
//
//   byte  0         2         4                      20
//         +---------+---------+----------------------+
//         | d (f16) | m (f16) | qs[16]               |
//         +---------+---------+----------------------+
//
//   value(e) = d * code(e) + m, code 0..15.
#pragma once

#include <cstdint>

namespace dunlin {

struct BlockQ4_1 {
  static constexpr int kElements = 32;

  uint16_t d;      // f16 step
  uint16_t m;      // f16 least value
  uint8_t qs[16];  // codes, see codes32.h
};
static_assert(sizeof(BlockQ4_1) == 20, "the bytes of a file");

void dequantize_block(const BlockQ4_1& block, float* out);
void quantize_block(const float* x, BlockQ4_1& block);

}  // namespace dunlin
