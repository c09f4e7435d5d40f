// Q5_1: blocks of 32 elements in 24 bytes (6 bits each), a step and a least value.
//
//   byte  0         2         4          8                      24
//         +---------+---------+----------+----------------------+
//         | d (f16) | m (f16) | qh (u32) | qs[16]               |
//         +---------+---------+----------+----------------------+
//
//   value(e) = d * code(e) + m, code 0..31.
#pragma once

#include <cstdint>

namespace dunlin {

struct BlockQ5_1 {
  static constexpr int kElements = 32;

  uint16_t d;      // f16 step
  uint16_t m;      // f16 least value
  uint8_t qh[4];   // bit 4 of every code, see codes32.h
  uint8_t qs[16];  // bits 0-3 of every code
};
static_assert(sizeof(BlockQ5_1) == 24, "the bytes of a file");

void dequantize_block(const BlockQ5_1& block, float* out);
void quantize_block(const float* x, BlockQ5_1& block);

}  // namespace dunlin
