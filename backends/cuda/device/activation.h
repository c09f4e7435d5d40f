// Quantized activations as the linear kernels read them: int8 codes with one f32 scale per 256 (A256, for the
// K planes) or per 32 (A32), and the sums that the mins of K planes multiply. Rows come in groups of 8, the
// columns of one mma; K is padded to 256 with zeros. With T = tiles of 256, and for group c, tile i:
//
//   codes   [c][i][4][lane 32][16 B]   quarter q: words {k 4t, k 16+4t of sub-block 2q; the same of 2q+1}
//                                      of row g (lane = 4 g + t)
//   scales  A256 [c][i][row 8], A32 [c][i][sub-block 8][row 8]
//   sums    A256 only: [c][i][lane 32] {half2 hi, half2 lo}: the code sums of sub-blocks t, t+4 of row g as
//           hi + lo, hi a multiple of 64: both exact in f16
//
// A single row is kept with a scale per 16 (A16), so that whoever makes 16 neighbouring values, a strip's
// outputs, can quantize them alone. It is kept in tiles of 256 columns, padded with zeros: 256 codes, and by
// 16 columns the scale and the product, scale times the sum of the codes, which mins multiply. With a norm,
// values are times its weight, and squares [k / 16] holds the sums of squares of the raw values: the norm's
// factor is one number, which the reader applies to its results.
#pragma once

#include <cstdint>

#include "backends/cuda/formats/host_device.h"

namespace dunlin::cuda {

inline constexpr int32_t kTileK = 256;
inline constexpr int32_t kGroupRows = 8;
inline constexpr int32_t kTileCodeBytes = kTileK * kGroupRows;

inline constexpr int32_t kRow16TileBytes = kTileK + 2 * (kTileK / 16) * 4;

struct Row16 {
  uint8_t* tiles;  // kRow16TileBytes each
  float* squares;
};

// Where a column's code is.
DUNLIN_HD uint8_t* row16_code(const Row16& row, int32_t column) {
  return row.tiles + column / kTileK * kRow16TileBytes + column % kTileK;
}
// Where the scale of a column's group of 16 is; the product follows.
DUNLIN_HD float* row16_scale(const Row16& row, int32_t column) {
  return reinterpret_cast<float*>(row.tiles + column / kTileK * kRow16TileBytes + kTileK) +
         column % kTileK / 16 * 2;
}

}  // namespace dunlin::cuda
