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
// outputs, can quantize them alone: codes [k], scales [k / 16], products [k / 16] (scale times the sum of the
// codes, which mins multiply), padded to 256 with zeros. With a norm, values are times its weight, and
// squares [k / 16] holds the sums of squares of the raw values: the norm's factor is one number, which the
// reader applies to its results.
#pragma once

#include <cstdint>

namespace dunlin::cuda {

inline constexpr int32_t kTileK = 256;
inline constexpr int32_t kGroupRows = 8;
inline constexpr int32_t kTileCodeBytes = kTileK * kGroupRows;

// codes, scales and products lie one behind the other: kRow16TileBytes for every 256 columns.
inline constexpr int32_t kRow16TileBytes = kTileK + 2 * (kTileK / 16) * 4;

struct Row16 {
  uint8_t* codes;
  float* scales;
  float* products;
  float* squares;
};

}  // namespace dunlin::cuda
