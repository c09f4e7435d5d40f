// Q5_0 in P16: 32 K of 16 rows, 352 bytes (16 x 22): f16 d[16], paired, and a body of 320.
// Q5_1, 384 bytes (16 x 24), has d and the minimum m inline.
//
//   qh  u8 [64], qs  u8 [4][64]  as one group of Q5_K
//
// Q5_0: y += d_a d (dot - 16 sum32). Q5_1: y += d_a (d dot + m sum32).
#pragma once

#include "backends/cpu/activation.h"
#include "backends/cpu/formats/q5_k.h"

namespace dunlin::cpu {

struct Q5_1Panel {
  uint16_t d[16];
  uint16_t m[16];
  FiveBitGroup group;
};
static_assert(sizeof(Q5_1Panel) == 16 * 24);

template <class V>
struct Q5_0 {
  static constexpr DType kType = DType::kQ5_0;
  using Block = FiveBitGroup;
  static constexpr bool kPairedD = true;
  static constexpr int kBits = 5;
  static constexpr bool kHasMin = false;

  static DUNLIN_INLINE typename V::Bytes vector(const Block& b, int v, int row0) {
    return five_bits<V>(b, v, row0);
  }
  static typename V::Ints start(const A32Block& a) { return V::broadcast(a.minus16_sum); }
  static typename V::Floats d(const Block&, const uint16_t* d_of_block, int row0) {
    return V::load_f16(d_of_block + row0);
  }
};

template <class V>
struct Q5_1 {
  static constexpr DType kType = DType::kQ5_1;
  using Block = Q5_1Panel;
  static constexpr bool kPairedD = false;
  static constexpr int kBits = 5;
  static constexpr bool kHasMin = true;

  static DUNLIN_INLINE typename V::Bytes vector(const Block& b, int v, int row0) {
    return five_bits<V>(b.group, v, row0);
  }
  static typename V::Ints start(const A32Block&) { return V::broadcast(0); }
  static typename V::Floats d(const Block& b, const uint16_t*, int row0) { return V::load_f16(b.d + row0); }
  static typename V::Floats minimum(const Block& b, int row0) { return V::load_f16(b.m + row0); }
};

}  // namespace dunlin::cpu
