// Q4_K in P16: 256 K of 16 rows, 2304 bytes (16 x 144). Sub-block j has 32 elements, 6-bit scale sc and
// minimum m.
//
//   d, dmin  f16 [16]       one per row
//   lo       u8 [8][16]     of sub-block j and row: low four bits of sc | low four bits of m << 4
//   hi       u8 [4][16]     of j = 0..3: top two bits of sc_j, m_j, sc_(j+4), m_(j+4), from bit 0 up
//   qs       u8 [8][4][64]  byte 4r + i of qs[j][t]: q[r][32j + 4t + i] | q[r][32j + 16 + 4t + i] << 4
//
// y += d_a (d S - dmin N), S = sum_j sc_j dot_j, N = sum_j m_j sum32_j.
#pragma once

#include <cstdint>

#include "backends/cpu/compiler.h"
#include "core/tensor/dtype.h"

namespace dunlin::cpu {

// The part that Q4_K and Q5_K share.
struct KScales16 {
  uint16_t d[16];
  uint16_t dmin[16];
  uint8_t lo[8][16];
  uint8_t hi[4][16];
};
static_assert(sizeof(KScales16) == 256);

struct Q4KPanel {
  KScales16 scales;
  uint8_t qs[8][4][64];
};
static_assert(sizeof(Q4KPanel) == 16 * 144);

// How a block of 16 rows becomes the registers of lanes row0, row0 + 1, ... (kernels/tile_a256.inl).
template <class V>
struct KScaleReader {
  static DUNLIN_INLINE typename V::Ints scale(const KScales16& s, int j, int row0) {
    return V::either(V::template field<0, 0, 15>(V::load_u8(s.lo[j] + row0)), top<0>(s, j, row0));
  }
  static DUNLIN_INLINE typename V::Ints minimum(const KScales16& s, int j, int row0) {
    return V::either(V::template field<4, 0, 15>(V::load_u8(s.lo[j] + row0)), top<2>(s, j, row0));
  }

 private:
  template <int kBit>
  static DUNLIN_INLINE typename V::Ints top(const KScales16& s, int j, int row0) {
    const auto hi = V::load_u8(s.hi[j & 3] + row0);
    return j < 4 ? V::template field<kBit, 4, 3>(hi) : V::template field<kBit + 4, 4, 3>(hi);
  }
};

// Vector v of the 8 that hold 32 four-bit elements of each row, as one qs[j] above. Q4_0 and Q4_1 store
// theirs alike.
template <class V>
DUNLIN_INLINE typename V::Bytes nibbles(const uint8_t (&qs)[4][64], int v, int row0) {
  const auto x = V::load(qs[v & 3] + 4 * row0);
  return v < 4 ? V::template move_bits<0, 0, 15>(x) : V::template move_bits<4, 0, 15>(x);
}

template <class V>
struct Q4K {
  static constexpr DType kType = DType::kQ4_K;
  using Block = Q4KPanel;
  static constexpr bool kPairedD = false;
  static constexpr int kBits = 4;
  static constexpr int kSubElements = 32;
  static constexpr bool kCentered = false;
  static constexpr bool kHasMin = true;

  // Elements 32g + 4v .. 32g + 4v + 3 of each row.
  static DUNLIN_INLINE typename V::Bytes vector(const Block& b, int g, int v, int row0) {
    return nibbles<V>(b.qs[g], v, row0);
  }
  static DUNLIN_INLINE typename V::Ints scale(const Block& b, int j, int row0) {
    return KScaleReader<V>::scale(b.scales, j, row0);
  }
  static DUNLIN_INLINE typename V::Ints minimum(const Block& b, int j, int row0) {
    return KScaleReader<V>::minimum(b.scales, j, row0);
  }
  static typename V::Floats d(const Block& b, const uint16_t*, int row0) {
    return V::load_f16(b.scales.d + row0);
  }
  static typename V::Floats dmin(const Block& b, int row0) { return V::load_f16(b.scales.dmin + row0); }
};

}  // namespace dunlin::cpu
