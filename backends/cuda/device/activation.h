// Quantized activations as the linear kernels read them: int8 codes with one f32 scale per 256 (A256, for the
// K planes) or per 32 (A32), and the sums that the mins of K planes multiply. Rows come in groups of 8, the
// columns of one mma; K is padded to 256 with zeros. With T = tiles of 256, and for group c, tile i:
//
//   codes   [c][i][4][lane 32][16 B]   quarter q: words {k 4t, k 16+4t of sub-block 2q; the same of 2q+1}
//                                      of row g (lane = 4 g + t)
//   scales  A256 [c][i][row 8], A32 [c][i][sub-block 8][row 8]
//   sums    A256 only: [c][i][lane 32] {half2 hi, half2 lo}: the code sums of sub-blocks 2t, 2t+1 of row g as
//           hi + lo, hi a multiple of 64: both exact in f16
#pragma once

#include <cstdint>

namespace dunlin::cuda {

inline constexpr int32_t kTileK = 256;
inline constexpr int32_t kGroupRows = 8;
inline constexpr int32_t kTileCodeBytes = kTileK * kGroupRows;



enum class ActivationKind : int32_t { kA256, kA32 };

}  // namespace dunlin::cuda
