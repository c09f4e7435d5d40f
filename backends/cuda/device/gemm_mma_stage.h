// What a stage of ops/gemm_mma.cu holds: 128 columns of K of a CTA's strips and of its rows.
//
//   strips  8 x {codes | high bits | scales}, as in a tile of plane.h; of a tile of 256 columns one half of
//   the
//           codes, and of W6K's high bits, with all the rest
//   codes   by group of 8 rows, as in activation.h: 1024 bytes
//   scales  by group: A32 4 x 32 bytes; A256 32 bytes, behind 256 bytes of sums where mins meet them
#pragma once

#include <cstdint>

#include "backends/cuda/device/activation.h"
#include "backends/cuda/formats/plane.h"

namespace dunlin::cuda {

inline constexpr int32_t kGemmStrips = 8;
inline constexpr int32_t kStageK = 128;
// Groups of 8 rows that a warp takes, and the threads of a CTA: a warp for each strip and so many rows.
inline constexpr int32_t kGemmWarpGroups = 8;
constexpr int32_t gemm_mma_threads(int32_t n_rows) {
  return n_rows / (kGroupRows * kGemmWarpGroups) * kGemmStrips * kLanes;
}

struct StripStage {
  int32_t code_bytes, high_bytes, scale_bytes;

  constexpr int32_t high_at() const { return code_bytes; }
  constexpr int32_t scale_at() const { return code_bytes + high_bytes; }
  constexpr int32_t bytes() const { return scale_at() + scale_bytes; }
};
constexpr StripStage strip_stage(Plane plane) {
  const PlaneInfo info = plane_info(plane);
  const int32_t codes = plane == Plane::kW8 ? 2048 : 1024;
  const int32_t high = plane == Plane::kW5K || plane == Plane::kW6K ? 512 : plane == Plane::kW5 ? 256 : 0;
  return {codes, high, info.tile_bytes - info.scale_offset};
}

constexpr bool has_mins(Plane plane) {
  return plane == Plane::kW4K || plane == Plane::kW5K;
}

inline constexpr int32_t kGroupCodeBytes = kGroupRows * kStageK;
inline constexpr int32_t kGroupSumBytes = 256;
// Of a group, beside its codes.
constexpr int32_t group_scale_bytes(Plane plane) {
  if (plane_info(plane).tile_k != kTileK) return kStageK / 32 * kGroupRows * int32_t(sizeof(float));
  return kGroupRows * int32_t(sizeof(float)) + (has_mins(plane) ? kGroupSumBytes : 0);
}

constexpr int32_t gemm_mma_stage_bytes(Plane plane, int32_t n_rows) {
  return kGemmStrips * strip_stage(plane).bytes() +
         n_rows / kGroupRows * (kGroupCodeBytes + group_scale_bytes(plane));
}

}  // namespace dunlin::cuda
