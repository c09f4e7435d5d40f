// Q2_K in P16: 256 K of 16 rows, 1344 bytes (16 x 84). Sub-block j has 16 elements, 4-bit scale sc and
// minimum m.
//
//   d, dmin  f16 [16]
//   sm       u8 [16][16]    of sub-block and row: sc | m << 4
//   qs       u8 [4][4][64]  byte 4r + i of qs[u][t]: bits 2s, 2s + 1 are q[r][64u + 16s + 4t + i]
//
// y += d_a (d S - dmin N), S = sum_j sc_j dot_j, N = sum_j m_j sum16_j.
#pragma once

#include <cstdint>

#include "backends/cpu/compiler.h"
#include "core/tensor/dtype.h"

namespace dunlin::cpu {

struct Q2KPanel {
  uint16_t d[16];
  uint16_t dmin[16];
  uint8_t sm[16][16];
  uint8_t qs[4][4][64];
};
static_assert(sizeof(Q2KPanel) == 16 * 84);

template <class V>
struct Q2K {
  static constexpr DType kType = DType::kQ2_K;
  using Block = Q2KPanel;
  static constexpr bool kPairedD = false;
  static constexpr int kBits = 4;  // two bits fit where four do
  static constexpr int kSubElements = 16;
  static constexpr bool kCentered = false;
  static constexpr bool kHasMin = true;

  static DUNLIN_INLINE typename V::Bytes vector(const Block& b, int g, int v, int row0) {
    const auto x = V::load(b.qs[g >> 1][v & 3] + 4 * row0);
    switch ((g & 1) * 2 + (v >> 2)) {
      case 0:
        return V::template move_bits<0, 0, 3>(x);
      case 1:
        return V::template move_bits<2, 0, 3>(x);
      case 2:
        return V::template move_bits<4, 0, 3>(x);
      default:
        return V::template move_bits<6, 0, 3>(x);
    }
  }
  static DUNLIN_INLINE typename V::Ints scale(const Block& b, int j, int row0) {
    return V::template field<0, 0, 15>(V::load_u8(b.sm[j] + row0));
  }
  static DUNLIN_INLINE typename V::Ints minimum(const Block& b, int j, int row0) {
    return V::template field<4, 0, 15>(V::load_u8(b.sm[j] + row0));
  }
  static typename V::Floats d(const Block& b, const uint16_t*, int row0) { return V::load_f16(b.d + row0); }
  static typename V::Floats dmin(const Block& b, int row0) { return V::load_f16(b.dmin + row0); }
};

}  // namespace dunlin::cpu
