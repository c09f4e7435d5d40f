// Filling stages: device/gemm_mma_stage.h. Every copy is a warp's, of up to 512 neighbouring bytes.
#pragma once

#include "backends/cuda/device/cp_async.cuh"
#include "backends/cuda/device/gemm_mma_stage.h"
#include "backends/cuda/device/linear_params.h"

namespace dunlin::cuda {

// Which strips a CTA has: eight of a segment; with glu four each of gate and up, alternating.
struct GemmPlace {
  int32_t segment;
  int32_t strip;  // the first, within the segment
};
__device__ __forceinline__ GemmPlace gemm_place(const LinearParams& p, int tile) {
  if (p.glu) return {0, tile * kGemmStrips / 2};
  int segment = 0;
#pragma unroll
  for (int s = 0; s < kMaxSegments - 1; ++s) {
    const int n = (p.segments[s].n + kGemmColumns - 1) / kGemmColumns;
    if (segment == s && s + 1 < p.n_segments && tile >= n) tile -= n, ++segment;
  }
  return {segment, tile * kGemmStrips};
}

// What one warp brings of each stage: two strips and two groups of rows, n and n + 4 of the CTA's. Addresses
// advance by a tile at a time; all else of them is known to the compiler.
template <Plane P>
class GemmSource {
 public:
  __device__ __forceinline__ GemmSource(const LinearParams& p, GemmPlace place, int first_group, int warp,
                                        int lane)
      : warp_(warp), lane_(lane) {
#pragma unroll
    for (int n = 0; n < 2; ++n) {
      const int i = warp + n * kWarps;
      const LinearSegment& s = p.segments[p.glu ? i % 2 : place.segment];
      // Strips beyond the last are computed with it, and not stored.
      const int strip = min(place.strip + (p.glu ? i / 2 : i), (s.n + kStripRows - 1) / kStripRows - 1);
      strip_[n] = s.tiles + int64_t(strip) * s.strip_bytes + 16 * lane;
      const int64_t group = int64_t(first_group + i) * p.n_tiles;
      codes_[n] = (kIsA256 ? p.rows.codes256 : p.rows.codes32) + group * kTileCodeBytes + 16 * lane;
      scales_[n] = scales_of(p.rows, group);
    }
  }

  // Part kPart of the tile at which it stands.
  template <int kPart>
  __device__ __forceinline__ void copy(uint8_t* stage) const {
#pragma unroll
    for (int n = 0; n < 2; ++n) {
      const int i = warp_ + n * kWarps;
      copy_strip<kPart>(stage + i * kStage.strip_bytes() + 16 * lane_, strip_[n]);
      uint8_t* rows = stage + kStage.rows_at() + i * kStage.row_bytes + 16 * lane_;
#pragma unroll
      for (int at = 0; at < kStage.row_bytes; at += 512)
        cp_async16(rows + at, codes_[n] + kPart * kStage.row_bytes + at);
      // A256: a tile's come with its second part.
      if (16 * lane_ < kStage.row_scale_bytes && (!kIsA256 || kPart == 1))
        cp_async16(stage + kStage.row_scales_at() + i * kStage.row_scale_bytes + 16 * lane_,
                   scales_[n] + (kIsA256 ? 0 : kPart * kStage.row_scale_bytes));
    }
    cp_async_commit();
  }
  __device__ __forceinline__ void next_tile() {
    constexpr int kScaleStep = kIsA256 ? kGroupScaleBytes : kStage.n_of_tile * kStage.row_scale_bytes;
#pragma unroll
    for (int n = 0; n < 2; ++n) {
      strip_[n] += kInfo.tile_bytes;
      codes_[n] += kStage.n_of_tile * kStage.row_bytes;
      scales_[n] += lane_ < kSumLanes ? kGroupSumBytes : kScaleStep;
    }
  }

 private:
  static constexpr int kWarps = kGemmThreads / kLanes;
  static_assert(2 * kWarps == kGemmStrips && 2 * kWarps == kGemmGroups);
  static constexpr PlaneInfo kInfo = plane_info(P);
  static constexpr GemmStage kStage = gemm_stage(P);
  static constexpr bool kIsA256 = reads_a256(P);
  static constexpr int kSumLanes = has_mins(P) ? kGroupSumBytes / 16 : 0;

  template <int kPart>
  __device__ __forceinline__ void copy_strip(uint8_t* to, const uint8_t* tile) const {
#pragma unroll
    for (int at = 0; at < kStage.code_bytes; at += 512)
      cp_async16(to + at, tile + kPart * kStage.code_bytes + at);
    if (16 * lane_ < kStage.high_bytes)
      cp_async16(to + kStage.high_at(), tile + kInfo.high_offset + (P == Plane::kW6K ? 512 * kPart : 0));
    if (16 * lane_ < kStage.scale_bytes) cp_async16(to + kStage.scale_at(), tile + kInfo.scale_offset);
  }
  // Where the lane finds its 16 bytes of a group's sums and scales.
  __device__ __forceinline__ const uint8_t* scales_of(const QuantizedRows& rows, int64_t group) const {
    if (lane_ < kSumLanes) return reinterpret_cast<const uint8_t*>(rows.sums256 + group * 64) + 16 * lane_;
    const float* scales = kIsA256 ? rows.scales256 + group * 8 : rows.scales32 + group * 64;
    return reinterpret_cast<const uint8_t*>(scales) + 16 * (lane_ - kSumLanes);
  }

  const uint8_t *strip_[2], *codes_[2], *scales_[2];
  int warp_, lane_;
};

}  // namespace dunlin::cuda
