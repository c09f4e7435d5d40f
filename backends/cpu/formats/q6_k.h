// Q6_K in P16: 256 K of 16 rows, 3360 bytes (16 x 210): f16 d[16], paired, and a body of 3328. Sub-block j
// has 16 elements and a signed 8-bit scale. Q3_K is packed as Q6_K, without loss: its value is d (s - 32) (q
// - 4), so sc = s - 32 and q' = q + 28.
//
//   quads[4]              of 64 elements, sub-blocks 0..3:
//     sc      i8 [4][16]  of sub-block and row
//     first[4]            of t: ql, qh  u8 [64]
//     second  u8 [4][64]  of t: ql of the second 32 elements
//
//   Byte 4r + i of a ql: low bits of element 4t + i of its half, and of element 16 + 4t + i shifted by four.
//   Byte 4r + i of a qh, bits 2s, 2s + 1: top bits of element 16s + 4t + i of the quad.
//
// Bytes lie in the order in which a kernel first reads them: hardware prefetchers follow one stream at twice
// the rate of two.
//
// y += d_a d S, S = sum_j sc_j (dot_j - 32 sum16_j).
#pragma once

#include <cstdint>

#include "backends/cpu/compiler.h"
#include "core/tensor/dtype.h"

namespace dunlin::cpu {

struct Q6KQuad {
  int8_t sc[4][16];
  struct {
    uint8_t ql[64];
    uint8_t qh[64];
  } first[4];
  uint8_t second[4][64];
};

struct Q6KPanel {
  Q6KQuad quads[4];
};
static_assert(sizeof(Q6KPanel) == 16 * 208);

template <class V>
struct Q6K {
  static constexpr DType kType = DType::kQ6_K;
  using Block = Q6KPanel;
  static constexpr bool kPairedD = true;
  static constexpr int kBits = 6;
  static constexpr int kSubElements = 16;
  static constexpr bool kCentered = true;
  static constexpr bool kHasMin = false;

  static DUNLIN_INLINE typename V::Bytes vector(const Block& b, int g, int v, int row0) {
    const Q6KQuad& quad = b.quads[g >> 1];
    const auto& first = quad.first[v & 3];
    const auto x = V::load(((g & 1) == 0 ? first.ql : quad.second[v & 3]) + 4 * row0);
    const auto low = v < 4 ? V::template move_bits<0, 0, 15>(x) : V::template move_bits<4, 0, 15>(x);
    const auto h = V::load(first.qh + 4 * row0);
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
    return V::load_i8(b.quads[j >> 2].sc[j & 3] + row0);
  }
  static typename V::Floats d(const Block&, const uint16_t* d_of_block, int row0) {
    return V::load_f16(d_of_block + row0);
  }
};

// The same packed bytes under the file's other name.
template <class V>
struct Q3K : Q6K<V> {
  static constexpr DType kType = DType::kQ3_K;
};

}  // namespace dunlin::cpu
