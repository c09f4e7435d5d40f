// Filling stages: device/gemm_mma_stage.h. Every copy is a warp's, of up to 512 neighbouring bytes.
#pragma once

#include "backends/cuda/device/cp_async.cuh"
#include "backends/cuda/device/gemm_mma_stage.h"
#include "backends/cuda/device/linear_params.h"

namespace dunlin::cuda {

// How a CTA's outputs are dealt out: a strip and kGemmWarpGroups groups a warp.
template <int kTileRows>
struct GemmTiling {
  static constexpr int kRows = kTileRows;
  static constexpr int kGroups = kRows / kGroupRows;
  static constexpr int kWarps = gemm_mma_threads(kRows) / kLanes;
};

// Which strips a CTA has: eight of a segment; with glu four each of gate and up, alternating.
struct GemmPlace {
  int32_t segment;
  int32_t strip;  // the first, within the segment
};
__device__ __forceinline__ GemmPlace gemm_place(const LinearParams& p, int tile) {
  if (p.glu) return {0, tile * kGemmStrips / 2};
  constexpr int kColumns = kGemmStrips * kStripRows;
  int segment = 0;
#pragma unroll
  for (int s = 0; s < kMaxSegments - 1; ++s) {
    const int n = (p.segments[s].n + kColumns - 1) / kColumns;
    if (segment == s && s + 1 < p.n_segments && tile >= n) tile -= n, ++segment;
  }
  return {segment, tile * kGemmStrips};
}

// What one warp brings of each stage: a strip, or where there are 16 warps half of one, and a group of rows.
template <Plane P, typename T>
class GemmSource {
 public:
  __device__ __forceinline__ GemmSource(const LinearParams& p, GemmPlace place, int first_group, int warp,
                                        int lane)
      : lane_(lane), warp_(warp) {
    const int i = warp % kGemmStrips;
    const LinearSegment& s = p.segments[p.glu ? i % 2 : place.segment];
    // Strips beyond the last are computed with it, and not stored.
    const int strip = min(place.strip + (p.glu ? i / 2 : i), (s.n + kStripRows - 1) / kStripRows - 1);
    strip_ = s.tiles + int64_t(strip) * s.strip_bytes + 16 * lane;
    const int64_t group = int64_t(first_group + warp) * p.n_tiles;
    codes_ = (kIsK ? p.rows.codes256 : p.rows.codes32) + group * kTileCodeBytes + 16 * lane;
    scales_ = scales_of(p.rows, group);
  }

  // The next 128 columns; also of nothing: groups of copies are counted.
  __device__ __forceinline__ void copy(uint8_t* stage, int step, int n_steps) const {
    if (step < n_steps) {
      copy_strip(stage + warp_ % kGemmStrips * kStrip.bytes() + 16 * lane_, step);
      uint8_t* codes = stage + kGemmStrips * kStrip.bytes();
      copy_codes(codes + warp_ * kGroupCodeBytes + 16 * lane_, step);
      copy_scales(codes + T::kGroups * kGroupCodeBytes + warp_ * group_scale_bytes(P) + 16 * lane_, step);
    }
    cp_async_commit();
  }

 private:
  static constexpr PlaneInfo kInfo = plane_info(P);
  static constexpr StripStage kStrip = strip_stage(P);
  static constexpr bool kIsK = kInfo.tile_k == kTileK;
  static_assert(T::kGroups == T::kWarps);
  static constexpr int kParts = T::kWarps / kGemmStrips;  // warps of a strip
  static constexpr int kSumLanes = has_mins(P) ? kGroupSumBytes / 16 : 0;

  __device__ __forceinline__ void copy_strip(uint8_t* to, int step) const {
    const int part = warp_ / kGemmStrips, half = kIsK ? step % 2 : 0;
    const uint8_t* tile = strip_ + (kIsK ? step / 2 : step) * kInfo.tile_bytes;
#pragma unroll
    for (int u = 0; u < kStrip.code_bytes / 512; ++u)
      if (u % kParts == part) cp_async16(to + 512 * u, tile + half * kStrip.code_bytes + 512 * u);
    if (kStrip.high_bytes > 0 && part == kParts - 1 && 16 * lane_ < kStrip.high_bytes)
      cp_async16(to + kStrip.high_at(), tile + kInfo.high_offset + (P == Plane::kW6K ? 512 * half : 0));
    if (part == 0 && 16 * lane_ < kStrip.scale_bytes)
      cp_async16(to + kStrip.scale_at(), tile + kInfo.scale_offset);
  }
  __device__ __forceinline__ void copy_codes(uint8_t* to, int step) const {
    const uint8_t* from = codes_ + int64_t(step) * kGroupCodeBytes;
#pragma unroll
    for (int at = 0; at < kGroupCodeBytes; at += 512) cp_async16(to + at, from + at);
  }
  // K planes: a tile's come with its second half.
  __device__ __forceinline__ void copy_scales(uint8_t* to, int step) const {
    if (16 * lane_ >= group_scale_bytes(P) || (kIsK && step % 2 == 0)) return;
    const int stride = lane_ < kSumLanes ? kGroupSumBytes : group_scale_bytes(P) - 16 * kSumLanes;
    cp_async16(to, scales_ + int64_t(kIsK ? step / 2 : step) * stride);
  }
  // Where the lane finds its 16 bytes of the group's sums and scales.
  __device__ __forceinline__ const uint8_t* scales_of(const QuantizedRows& rows, int64_t group) const {
    if (lane_ < kSumLanes) return reinterpret_cast<const uint8_t*>(rows.sums256 + group * 64) + 16 * lane_;
    const float* scales = kIsK ? rows.scales256 + group * 8 : rows.scales32 + group * 64;
    return reinterpret_cast<const uint8_t*>(scales) + 16 * (lane_ - kSumLanes);
  }

  const uint8_t *strip_, *codes_, *scales_;
  int lane_, warp_;
};

}  // namespace dunlin::cuda
