// The arithmetic of ops/gemm_mma.cu: a warp's two strips times all rows of the CTA, from a stage in shared
// memory. As in skinny_tiles.cuh: integer scales are applied to the integer dots, float scales once a tile (K
// planes) or once a sub-block (32-element planes). A code word of rows meets both strips, a word of weights
// is unpacked once for all groups; the mma of one group stand between the scaling of others.
#pragma once

#include <cuda_fp16.h>

#include "backends/cuda/device/early_load.cuh"
#include "backends/cuda/device/gemm_mma_stage.h"
#include "backends/cuda/device/mma.cuh"
#include "backends/cuda/formats/scale_word.h"
#include "backends/cuda/formats/unpack.cuh"

namespace dunlin::cuda {

// [strip][group]: rows g, g, g + 8, g + 8 of the strip, step rows 8c + 2t, 8c + 2t + 1, the same.
using GemmSums = float[2][kGemmGroups][4];
using GemmDots = int32_t[2][kGemmGroups][4];

// A stage, as a lane sees it.
template <Plane P>
struct StageView {
  static constexpr GemmStage kStage = gemm_stage(P);
  const uint8_t* stage;
  int warp, lane;

  __device__ __forceinline__ const uint8_t* strip(int s) const {
    return stage + (2 * warp + s) * kStage.strip_bytes();
  }
  __device__ __forceinline__ uint4 codes(int c, int q) const {
    return PlainLoad::load16(stage + kStage.rows_at() + c * kStage.row_bytes + 512 * q + 16 * lane);
  }
  __device__ __forceinline__ const uint8_t* row_scales(int c) const {
    return stage + kStage.row_scales_at() + c * kStage.row_scale_bytes;
  }
};

// The operands of a strip's two sub-blocks of quarter q, 64 columns, of part kPart of a tile.
template <Plane P, int kPart>
__device__ __forceinline__ void load_operands(const uint8_t* strip, int q, int lane, uint32_t (&a)[2][4]) {
  constexpr GemmStage kStage = gemm_stage(P);
  const uint8_t* at = strip + 16 * lane;
  Tile<P, PlainLoad> tile;
  if constexpr (P == Plane::kW8) {
    tile.codes[0] = PlainLoad::load16(at);
    tile.codes[1] = PlainLoad::load16(at + 512);
  } else {
    tile.codes[2 * kPart + q] = PlainLoad::load16(at + 512 * q);
  }
  if constexpr (P == Plane::kW5K) tile.high = PlainLoad::load16(at + kStage.high_at());
  if constexpr (P == Plane::kW6K) tile.high[kPart] = PlainLoad::load16(at + kStage.high_at());
  if constexpr (P == Plane::kW5) tile.high = PlainLoad::load8(strip + kStage.high_at() + 8 * lane);
#pragma unroll
  for (int e = 0; e < 2; ++e) tile.operand(P == Plane::kW8 ? e : 4 * kPart + 2 * q + e, a[e]);
}

// Adds, or with `first` sets.
__device__ __forceinline__ void add_scaled(int32_t (&to)[4], const int32_t (&dot)[4],
                                           const int32_t (&scale)[2], bool first) {
#pragma unroll
  for (int v = 0; v < 4; ++v) to[v] = dot[v] * scale[v / 2] + (first ? 0 : to[v]);
}

// Half a tile of a K plane with mins, 128 columns.
template <Plane P, int kPart>
__device__ __forceinline__ void multiply_half_min(const StageView<P>& stage, GemmDots& dots) {
#pragma unroll
  for (int q = 0; q < 2; ++q) {
    uint32_t a[2][2][4];
    int32_t scale[2][2][2];  // [strip][sub-block][row]
#pragma unroll
    for (int s = 0; s < 2; ++s) {
      load_operands<P, kPart>(stage.strip(s), q, stage.lane, a[s]);
      // Row g, row g + 8 of lane column 2q, then of 2q + 1.
      const uint4 words =
          PlainLoad::load16(stage.strip(s) + stage.kStage.scale_at() + 32 * (stage.lane / 4) + 16 * q);
#pragma unroll
      for (int e = 0; e < 2; ++e) {
#pragma unroll
        for (int r = 0; r < 2; ++r) {
          scale[s][e][r] = int32_t(word_scale(word_of(words, 2 * e + r), kPart == 1));
          if (P == Plane::kW4K && e == 0) scale[s][e][r] <<= 4;  // even codes are not yet times 16
        }
      }
    }
#pragma unroll
    for (int c = 0; c < kGemmGroups; ++c) {
      const uint4 codes = stage.codes(c, q);
#pragma unroll
      for (int s = 0; s < 2; ++s) {
        int32_t even[4] = {}, odd[4] = {};
        mma_u8s8(even, a[s][0], codes.x, codes.y);
        mma_u8s8(odd, a[s][1], codes.z, codes.w);
        add_scaled(dots[s][c], even, scale[s][0], kPart == 0 && q == 0);
        add_scaled(dots[s][c], odd, scale[s][1], false);
      }
    }
  }
}

// The same of W6K, whose scales are for 16 columns: twice as many, so that strips come one after the other.
template <int kPart>
__device__ __forceinline__ void multiply_half_w6k(const StageView<Plane::kW6K>& stage, GemmDots& dots) {
#pragma unroll
  for (int q = 0; q < 2; ++q) {
#pragma unroll
    for (int s = 0; s < 2; ++s) {
      uint32_t a[2][4];
      load_operands<Plane::kW6K, kPart>(stage.strip(s), q, stage.lane, a);
      const uint4 words =
          PlainLoad::load16(stage.strip(s) + stage.kStage.scale_at() + 32 * (stage.lane / 4) + 16 * q);
      // Group 2j + h of 16 is byte h (of the upper 128 columns: 2 + h) of word j % 4.
      int32_t scale[2][2][2];  // [sub-block][half of it][row]
#pragma unroll
      for (int e = 0; e < 2; ++e) {
#pragma unroll
        for (int h = 0; h < 2; ++h) {
#pragma unroll
          for (int r = 0; r < 2; ++r)
            scale[e][h][r] = int32_t(word_of(words, 2 * e + r) << (24 - 8 * (h + 2 * kPart))) >> 24;
        }
      }
#pragma unroll
      for (int c = 0; c < kGemmGroups; ++c) {
        const uint4 codes = stage.codes(c, q);
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          int32_t low[4] = {}, high[4] = {};
          mma_s8s8_k16(low, a[e][0], a[e][1], word_of(codes, 2 * e));
          mma_s8s8_k16(high, a[e][2], a[e][3], word_of(codes, 2 * e + 1));
          add_scaled(dots[s][c], low, scale[e][0], kPart == 0 && q == 0 && e == 0);
          add_scaled(dots[s][c], high, scale[e][1], false);
        }
      }
    }
  }
}

template <Plane P, int kPart>
__device__ __forceinline__ void multiply_half(const StageView<P>& stage, GemmDots& dots) {
  if constexpr (has_mins(P)) {
    multiply_half_min<P, kPart>(stage, dots);
  } else {
    multiply_half_w6k<kPart>(stage, dots);
  }
}

// The float scales of a strip's tile, rows g and g + 8, and its mins as an operand.
template <Plane P>
struct TileScales {
  float d[2], dmin[2];
  uint32_t mins[2];

  __device__ __forceinline__ void load(const uint8_t* scales, int lane) {
    const int g = lane / 4, t = lane % 4;
    if constexpr (P == Plane::kW6K) {
#pragma unroll
      for (int r = 0; r < 2; ++r)
        d[r] = kUnit<P> *
               half_bits_to_float(*reinterpret_cast<const unsigned short*>(scales + 256 + 2 * (g + 8 * r)));
    } else {
      const uint4 low = PlainLoad::load16(scales + 32 * g), high = PlainLoad::load16(scales + 32 * g + 16);
      const uint2 own = PlainLoad::load8(scales + 32 * g + 8 * t);
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        // 1024 + m as half bits, less 1024.
        const uint32_t raised = ((r == 0 ? own.x : own.y) >> 6 & 0x003f003fu) | 0x64006400u;
        mins[r] = as_word(__hsub2(as_half2(raised), __float2half2_rn(1024.0f)));
        const uint32_t halves =
            row_halves(word_of(low, r), word_of(low, 2 + r), word_of(high, r), word_of(high, 2 + r));
        d[r] = half_bits_to_float(halves & 0xffffu) * kUnit<P>;
        dmin[r] = half_bits_to_float(halves >> 16);
      }
    }
  }
};

// What a whole tile's dots are worth; stage: the tile's second.
template <Plane P>
__device__ __forceinline__ void add_tile_dots(const StageView<P>& stage, const GemmDots& dots,
                                              GemmSums& sums) {
  TileScales<P> scales[2];
#pragma unroll
  for (int s = 0; s < 2; ++s) scales[s].load(stage.strip(s) + stage.kStage.scale_at(), stage.lane);
#pragma unroll
  for (int c = 0; c < kGemmGroups; ++c) {
    const uint8_t* at = stage.row_scales(c);
    uint2 b;
    if constexpr (has_mins(P)) b = PlainLoad::load8(at + 8 * stage.lane);
    const uint2 dx = PlainLoad::load8(at + (has_mins(P) ? kGroupSumBytes : 0) + 8 * (stage.lane % 4));
#pragma unroll
    for (int s = 0; s < 2; ++s) {
      float m[4] = {};
      if constexpr (has_mins(P)) {
        const uint32_t a[4] = {scales[s].mins[0], scales[s].mins[1], scales[s].mins[0], scales[s].mins[1]};
        mma_f16(m, a, b.x, b.y);
      }
#pragma unroll
      for (int v = 0; v < 4; ++v) {
        float value = scales[s].d[v / 2] * __int2float_rn(dots[s][c][v]);
        if constexpr (has_mins(P)) value -= scales[s].dmin[v / 2] * m[v];
        sums[s][c][v] += __uint_as_float(v % 2 == 0 ? dx.x : dx.y) * value;
      }
    }
  }
}

// A stage of a 32-element plane.
template <Plane P, int kPart>
__device__ __forceinline__ void multiply_32(const StageView<P>& stage, GemmSums& sums) {
  // Dots come as float bits, 1.5 * 2^23 + dot: exact, as they are below 2^22, and converting them would take
  // longer than all else.
  constexpr int32_t kRaised = 0x4b400000;
  constexpr float kBase = 12582912.0f;
  const int g = stage.lane / 4, t = stage.lane % 4;
#pragma unroll
  for (int q = 0; q < stage.kStage.k / 64; ++q) {
    uint32_t a[2][2][4];
    float d[2][2][2];  // [strip][sub-block][row]
#pragma unroll
    for (int s = 0; s < 2; ++s) {
      load_operands<P, kPart>(stage.strip(s), q, stage.lane, a[s]);
      const uint2 words =
          PlainLoad::load8(stage.strip(s) + stage.kStage.scale_at() + 16 * g + 8 * (kPart + q));
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const uint32_t word = e == 0 ? words.x : words.y;
        d[s][e][0] = kUnit<P> * half_bits_to_float(word & 0xffffu);
        d[s][e][1] = kUnit<P> * half_bits_to_float(word >> 16);
      }
    }
#pragma unroll
    for (int c = 0; c < kGemmGroups; ++c) {
      const uint4 codes = stage.codes(c, q);
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const uint2 dx = PlainLoad::load8(stage.row_scales(c) + kGroupScaleBytes * (2 * q + e) + 8 * t);
#pragma unroll
        for (int s = 0; s < 2; ++s) {
          int32_t dot[4];
          mma_s8s8_from(dot, a[s][e], word_of(codes, 2 * e), word_of(codes, 2 * e + 1), kRaised);
#pragma unroll
          for (int v = 0; v < 4; ++v)
            sums[s][c][v] += __uint_as_float(v % 2 == 0 ? dx.x : dx.y) *
                             (d[s][e][v / 2] * (__int_as_float(dot[v]) - kBase));
        }
      }
    }
  }
}

}  // namespace dunlin::cuda
