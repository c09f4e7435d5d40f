// What a stage of ops/gemm_mma.cu holds: some columns of K of a CTA's strips and of its rows. A tile of
// plane.h comes in one or two stages; of W4 and W5 in one, of the others in two halves.
//
//   strips  8 x {codes | high bits | scales}, as in the tile: a half of the codes, and of W6K's high bits,
//   with
//           all the rest
//   codes   by group of 8 rows, as in activation.h
//   scales  by group: A32 32 bytes for each 32 columns; A256, with the second half, 32 bytes, behind 256
//   bytes
//           of sums where mins meet them
#pragma once

#include <cstdint>

#include "backends/cuda/device/activation.h"
#include "backends/cuda/formats/plane.h"

namespace dunlin::cuda {

// A CTA's outputs, in strips; its step rows, in groups of 8; its threads: a warp for two strips and all rows.
inline constexpr int32_t kGemmStrips = 8;
inline constexpr int32_t kGemmColumns = kGemmStrips * kStripRows;
inline constexpr int32_t kGemmGroups = 8;
inline constexpr int32_t kGemmRows = kGemmGroups * kGroupRows;
inline constexpr int32_t kGemmThreads = kGemmStrips / 2 * kLanes;
inline constexpr int32_t kGemmStages = 2;

constexpr bool has_mins(Plane plane) {
  return plane == Plane::kW4K || plane == Plane::kW5K;
}
constexpr bool reads_a256(Plane plane) {
  return plane_info(plane).tile_k == kTileK;
}

struct GemmStage {
  int32_t n_of_tile;                            // stages
  int32_t k;                                    // columns
  int32_t code_bytes, high_bytes, scale_bytes;  // of a strip
  int32_t row_bytes, row_scale_bytes;           // of a group of rows

  constexpr int32_t high_at() const { return code_bytes; }
  constexpr int32_t scale_at() const { return code_bytes + high_bytes; }
  constexpr int32_t strip_bytes() const { return scale_at() + scale_bytes; }
  constexpr int32_t rows_at() const { return kGemmStrips * strip_bytes(); }
  constexpr int32_t row_scales_at() const { return rows_at() + kGemmGroups * row_bytes; }
  constexpr int32_t bytes() const { return row_scales_at() + kGemmGroups * row_scale_bytes; }
};
inline constexpr int32_t kGroupSumBytes = 256, kGroupScaleBytes = kGroupRows * 4;
constexpr GemmStage gemm_stage(Plane plane) {
  const PlaneInfo info = plane_info(plane);
  const int32_t n = plane == Plane::kW4 || plane == Plane::kW5 ? 1 : 2, k = info.tile_k / n;
  const int32_t high = plane == Plane::kW5K || plane == Plane::kW6K ? 512 : plane == Plane::kW5 ? 256 : 0;
  const int32_t row_scales = reads_a256(plane) ? kGroupScaleBytes + (has_mins(plane) ? kGroupSumBytes : 0)
                                               : k / 32 * kGroupScaleBytes;
  return {n, k, 1024, high, info.tile_bytes - info.scale_offset, kGroupRows * k, row_scales};
}

}  // namespace dunlin::cuda
