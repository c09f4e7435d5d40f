// Q5_K in P16: 256 K of 16 rows, 2816 bytes (16 x 176).
//
//   scales             as Q4_K
//   groups[8]          of 32 elements:
//     qh  u8 [64]      byte 4r + i, bit t: top bit of element 4t + i of row r; bit 4 + t: of element 16 + 4t
//     + i qs  u8 [4][64]   low four bits, as one qs[j] of Q4_K
//
// Bytes lie in the order in which a kernel reads them: two streams would be harder to prefetch than one.
#pragma once

#include "backends/cpu/formats/q4_k.h"

namespace dunlin::cpu {

struct FiveBitGroup {
  uint8_t qh[64];
  uint8_t qs[4][64];
};

struct Q5KPanel {
  KScales16 scales;
  FiveBitGroup groups[8];
};
static_assert(sizeof(Q5KPanel) == 16 * 176);

// Vector v of the 8 that hold 32 five-bit elements of each row. Q5_0 and Q5_1 store theirs alike.
template <class V>
DUNLIN_INLINE typename V::Bytes five_bits(const FiveBitGroup& group, int v, int row0) {
  const auto low = nibbles<V>(group.qs, v, row0);
  const auto h = V::load(group.qh + 4 * row0);
  switch (v) {
    case 0:
      return V::merge(low, V::template move_bits<0, 4, 1>(h));
    case 1:
      return V::merge(low, V::template move_bits<1, 4, 1>(h));
    case 2:
      return V::merge(low, V::template move_bits<2, 4, 1>(h));
    case 3:
      return V::merge(low, V::template move_bits<3, 4, 1>(h));
    case 4:
      return V::merge(low, V::template move_bits<4, 4, 1>(h));
    case 5:
      return V::merge(low, V::template move_bits<5, 4, 1>(h));
    case 6:
      return V::merge(low, V::template move_bits<6, 4, 1>(h));
    default:
      return V::merge(low, V::template move_bits<7, 4, 1>(h));
  }
}

template <class V>
struct Q5K {
  static constexpr DType kType = DType::kQ5_K;
  using Block = Q5KPanel;
  static constexpr bool kPairedD = false;
  static constexpr int kBits = 5;
  static constexpr int kSubElements = 32;
  static constexpr bool kCentered = false;
  static constexpr bool kHasMin = true;

  static DUNLIN_INLINE typename V::Bytes vector(const Block& b, int g, int v, int row0) {
    return five_bits<V>(b.groups[g], v, row0);
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
