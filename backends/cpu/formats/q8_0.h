// Q8_0 in P16: 32 K of 16 rows, 544 bytes (16 x 34): f16 d[16], paired, and a body of 512.
//
//   qs  u8 [8][64]  byte 4r + i of qs[t]: q[r][4t + i] + 128
//
// Stored with the top bit flipped because the dot-product instructions want one unsigned operand; the
// accumulator then starts at -128 sum32. Lanes that multiply signed bytes flip the bit back.
#pragma once

#include <cstdint>

#include "backends/cpu/activation.h"
#include "backends/cpu/compiler.h"
#include "core/tensor/dtype.h"

namespace dunlin::cpu {

struct Q8_0Panel {
  uint8_t qs[8][64];
};

template <class V>
struct Q8_0 {
  static constexpr DType kType = DType::kQ8_0;
  using Block = Q8_0Panel;
  static constexpr bool kPairedD = true;
  static constexpr int kBits = 8;
  static constexpr bool kHasMin = false;

  static DUNLIN_INLINE typename V::Bytes vector(const Block& b, int v, int row0) {
    return V::load_biased(b.qs[v] + 4 * row0);
  }
  static typename V::Ints start(const A32Block& a) { return V::bias_start(a.minus128_sum); }
  static typename V::Floats d(const Block&, const uint16_t* d_of_block, int row0) {
    return V::load_f16(d_of_block + row0);
  }
};

}  // namespace dunlin::cpu
