// Q6_K in P16: 256 K of 16 rows, 3360 bytes (16 x 210): f16 d[16] in the panel's scale plane, and a body of
// 3328. Sub-block j has 16 elements and a signed 8-bit scale. Q3_K is packed as Q6_K, without loss: its value
// is d (s - 32) (q - 4), so sc = s - 32 and q' = q + 28.
//
//   sc  i8 [16][16]    of sub-block and row
//   quads[4]  of 64 elements:
//     qh  u8 [4][64]     byte 4r + i of qh[t] of quad u: bits 2s, 2s + 1 are the top bits of q[r][64u + 16s +
//     4t + i] ql  u8 [2][4][64]  byte 4r + i of ql[p][t]: low bits of q[r][64u + 32p + 4t + i] | of the one
//     16 further << 4
//
// Bytes lie in the order in which a kernel reads them, for the sake of hardware prefetchers.
//
// y += d_a d S, S = sum_j sc_j (dot_j - 32 sum16_j).
#pragma once

#include "backends/cpu/formats/q4_k.h"

namespace dunlin::cpu {

struct Q6KQuad {
  uint8_t qh[4][64];
  uint8_t ql[2][4][64];
};

struct Q6KPanel {
  int8_t sc[16][16];
  Q6KQuad quads[4];
};
static_assert(sizeof(Q6KPanel) == 16 * 208);

template <class V>
struct Q6K {
  static constexpr DType kType = DType::kQ6_K;
  using Block = Q6KPanel;
  static constexpr int kBits = 6;
  static constexpr int kSubElements = 16;
  static constexpr bool kCentered = true;
  static constexpr bool kHasMin = false;

  static DUNLIN_INLINE typename V::Bytes vector(const Block& b, int g, int v, int row0) {
    const auto low = nibbles<V>(b.quads[g >> 1].ql[g & 1], v, row0);
    const auto h = V::load(b.quads[g >> 1].qh[v & 3] + 4 * row0);
    switch ((g & 1) * 2 + (v >> 2)) {
      case 0:
        return V::merge(low, V::template move_bits<0, 4, 3>(h));
      case 1:
        return V::merge(low, V::template move_bits<2, 4, 3>(h));
      case 2:
        return V::merge(low, V::template move_bits<4, 4, 3>(h));
      default:
        return V::merge(low, V::template move_bits<6, 4, 3>(h));
    }
  }
  static DUNLIN_INLINE typename V::Ints scale(const Block& b, int j, int row0) {
    return V::load_i8(b.sc[j] + row0);
  }
  static typename V::Floats d(const Block&, const uint16_t* plane, int row0) {
    return V::load_f16(plane + row0);
  }
};

// The same packed bytes under the file's other name.
template <class V>
struct Q3K : Q6K<V> {
  static constexpr DType kType = DType::kQ3_K;
};

}  // namespace dunlin::cpu
