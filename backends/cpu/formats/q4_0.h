// Q4_0 in P16: 32 K of 16 rows, 288 bytes (16 x 18): f16 d[16], paired, and a body of 256.
// Q4_1, 320 bytes (16 x 20), has d and the minimum m inline.
//
//   qs  u8 [4][64]  as one qs[j] of Q4_K
//
// Q4_0: y += d_a d (dot - 8 sum32). Q4_1: y += d_a (d dot + m sum32).
#pragma once

#include "backends/cpu/activation.h"
#include "backends/cpu/formats/q4_k.h"

namespace dunlin::cpu {

struct Q4_0Panel {
  uint8_t qs[4][64];
};
static_assert(sizeof(Q4_0Panel) == 16 * 16);

struct Q4_1Panel {
  uint16_t d[16];
  uint16_t m[16];
  uint8_t qs[4][64];
};
static_assert(sizeof(Q4_1Panel) == 16 * 20);

template <class V>
struct Q4_0 {
  static constexpr DType kType = DType::kQ4_0;
  using Block = Q4_0Panel;
  static constexpr bool kPairedD = true;
  static constexpr int kBits = 4;
  static constexpr bool kHasMin = false;

  static DUNLIN_INLINE typename V::Bytes vector(const Block& b, int v, int row0) {
    return nibbles<V>(b.qs, v, row0);
  }
  static typename V::Ints start(const A32Block& a) { return V::broadcast(a.minus8_sum); }
  static typename V::Floats d(const Block&, const uint16_t* d_of_block, int row0) {
    return V::load_f16(d_of_block + row0);
  }
};

template <class V>
struct Q4_1 {
  static constexpr DType kType = DType::kQ4_1;
  using Block = Q4_1Panel;
  static constexpr bool kPairedD = false;
  static constexpr int kBits = 4;
  static constexpr bool kHasMin = true;

  static DUNLIN_INLINE typename V::Bytes vector(const Block& b, int v, int row0) {
    return nibbles<V>(b.qs, v, row0);
  }
  static typename V::Ints start(const A32Block&) { return V::broadcast(0); }
  static typename V::Floats d(const Block& b, const uint16_t*, int row0) { return V::load_f16(b.d + row0); }
  static typename V::Floats minimum(const Block& b, int row0) { return V::load_f16(b.m + row0); }
};

}  // namespace dunlin::cpu
