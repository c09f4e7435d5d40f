// Several rows times a strip: the sums of a warp over one tile of 256 columns, for NB groups of 8 rows. Every
// mma does one sub-block of 32 columns (W6K: 16) for 8 rows; integer scales are applied to the integer dots,
// float scales once a tile (K planes) or once a sub-block (32-element planes).
#pragma once

#include <cuda_fp16.h>

#include "backends/cuda/device/linear_params.h"
#include "backends/cuda/device/mma.cuh"
#include "backends/cuda/formats/scale_word.h"
#include "backends/cuda/formats/unpack.cuh"

namespace dunlin::cuda {

// acc[c][0..3]: rows g, g, g + 8, g + 8 of the strip, step rows 8c + 2t, 8c + 2t + 1, the same.
template <int NB>
using Sums = float[NB][4];

// Words of a quarter of a tile (sub-blocks 2q, 2q + 1) for group c.
__device__ __forceinline__ uint4 load_codes(const uint8_t* codes, int64_t tile, int q, int lane) {
  return *reinterpret_cast<const uint4*>(codes + tile * 2048 + q * 512 + lane * 16);
}

// The scale words of the lane's two rows: [row g or g + 8][t]. They alternate in memory.
struct RowScales {
  uint32_t word[2][4];
};
__device__ __forceinline__ RowScales load_row_scales(const uint8_t* scales, int g) {
  const uint4 a = FromGlobal::load16(scales + 32 * g), b = FromGlobal::load16(scales + 32 * g + 16);
  return {{{a.x, a.z, b.x, b.z}, {a.y, a.w, b.y, b.w}}};
}

template <Plane P, int NB>
__device__ __forceinline__ void add_tile_min(const uint8_t* tiles, const QuantizedRows& x, int first_group,
                                             int n_tiles, int i, int lane, Sums<NB>& acc) {
  const int g = lane / 4, t = lane % 4;
  const uint8_t* p = tiles + int64_t(i) * plane_info(P).tile_bytes;
  Tile<P, FromGlobal> tile;
  tile.load(p, lane);
  const RowScales s = load_row_scales(p + plane_info(P).scale_offset, g);
  int32_t sums[NB][4] = {};
#pragma unroll
  for (int q = 0; q < 4; ++q) {
    uint4 codes[NB];
#pragma unroll
    for (int c = 0; c < NB; ++c)
      codes[c] = load_codes(x.codes256, int64_t(first_group + c) * n_tiles + i, q, lane);
#pragma unroll
    for (int e = 0; e < 2; ++e) {
      uint32_t a[4];
      tile.operand(2 * q + e, a);
      int32_t scale[2];
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        scale[r] = int32_t(word_scale(s.word[r][(2 * q + e) % 4], q >= 2));
        if (P == Plane::kW4K && e == 0) scale[r] <<= 4;  // even codes are not yet times 16
      }
#pragma unroll
      for (int c = 0; c < NB; ++c) {
        int32_t d[4] = {};
        mma_u8s8(d, a, e == 0 ? codes[c].x : codes[c].z, e == 0 ? codes[c].y : codes[c].w);
#pragma unroll
        for (int v = 0; v < 4; ++v) sums[c][v] += d[v] * scale[v / 2];
      }
    }
  }
  uint32_t mins[2];
  float d[2], dmin[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    // 1024 + m as half bits, less 1024.
    const uint32_t word = t == 0   ? s.word[r][0]
                          : t == 1 ? s.word[r][1]
                          : t == 2 ? s.word[r][2]
                                   : s.word[r][3];
    const uint32_t raised = (word >> 6 & 0x003f003fu) | 0x64006400u;
    const __half2 m = __hsub2(*reinterpret_cast<const __half2*>(&raised), __float2half2_rn(1024.0f));
    mins[r] = *reinterpret_cast<const uint32_t*>(&m);
    const uint32_t halves = row_halves(s.word[r][0], s.word[r][1], s.word[r][2], s.word[r][3]);
    d[r] = half_bits_to_float(halves & 0xffffu) * kUnit<P>;
    dmin[r] = half_bits_to_float(halves >> 16);
  }
#pragma unroll
  for (int c = 0; c < NB; ++c) {
    const int64_t at = int64_t(first_group + c) * n_tiles + i;
    const uint2 b = *reinterpret_cast<const uint2*>(x.sums256 + at * 64 + lane * 2);
    const float2 dx = *reinterpret_cast<const float2*>(x.scales256 + at * 8 + 2 * t);
    const uint32_t a[4] = {mins[0], mins[1], mins[0], mins[1]};
    float m[4] = {};
    mma_f16(m, a, b.x, b.y);
#pragma unroll
    for (int v = 0; v < 4; ++v)
      acc[c][v] += (v % 2 == 0 ? dx.x : dx.y) * (d[v / 2] * __int2float_rn(sums[c][v]) - dmin[v / 2] * m[v]);
  }
}

template <int NB>
__device__ __forceinline__ void add_tile_w6k(const uint8_t* tiles, const QuantizedRows& x, int first_group,
                                             int n_tiles, int i, int lane, Sums<NB>& acc) {
  const int g = lane / 4, t = lane % 4;
  constexpr PlaneInfo kInfo = plane_info(Plane::kW6K);
  const uint8_t* p = tiles + int64_t(i) * kInfo.tile_bytes;
  Tile<Plane::kW6K, FromGlobal> tile;
  tile.load(p, lane);
  const RowScales s = load_row_scales(p + kInfo.scale_offset, g);
  float d[2];
#pragma unroll
  for (int r = 0; r < 2; ++r)
    d[r] = kUnit<Plane::kW6K> * half_bits_to_float(__ldg(reinterpret_cast<const unsigned short*>(
                                    p + kInfo.scale_offset + 256 + 2 * (g + 8 * r))));
  int32_t sums[NB][4] = {};
#pragma unroll
  for (int q = 0; q < 4; ++q) {
    uint4 codes[NB];
#pragma unroll
    for (int c = 0; c < NB; ++c)
      codes[c] = load_codes(x.codes256, int64_t(first_group + c) * n_tiles + i, q, lane);
#pragma unroll
    for (int e = 0; e < 2; ++e) {
      const int j = 2 * q + e;
      uint32_t a[4];
      tile.operand(j, a);
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        // Group 2j + h of 16 is byte h (of the upper 128 columns: 2 + h) of word j % 4.
        int32_t scale[2];
#pragma unroll
        for (int r = 0; r < 2; ++r)
          scale[r] = int32_t(s.word[r][j % 4] << (24 - 8 * (h + 2 * (j / 4)))) >> 24;
#pragma unroll
        for (int c = 0; c < NB; ++c) {
          int32_t dot[4] = {};
          const uint32_t b = e == 0 ? (h == 0 ? codes[c].x : codes[c].y) : (h == 0 ? codes[c].z : codes[c].w);
          mma_s8s8_k16(dot, a[2 * h], a[2 * h + 1], b);
#pragma unroll
          for (int v = 0; v < 4; ++v) sums[c][v] += dot[v] * scale[v / 2];
        }
      }
    }
  }
#pragma unroll
  for (int c = 0; c < NB; ++c) {
    const int64_t at = int64_t(first_group + c) * n_tiles + i;
    const float2 dx = *reinterpret_cast<const float2*>(x.scales256 + at * 8 + 2 * t);
#pragma unroll
    for (int v = 0; v < 4; ++v)
      acc[c][v] += (v % 2 == 0 ? dx.x : dx.y) * d[v / 2] * __int2float_rn(sums[c][v]);
  }
}

template <Plane P, int NB>
__device__ __forceinline__ void add_tile_32(const uint8_t* tiles, const QuantizedRows& x, int first_group,
                                            int n_tiles, int i, int k, int lane, Sums<NB>& acc) {
  const int g = lane / 4, t = lane % 4;
  constexpr PlaneInfo kInfo = plane_info(P);
#pragma unroll 1
  for (int half = 0; half < 2; ++half) {
    if (256 * i + 128 * half >= k) break;
    const uint8_t* p = tiles + int64_t(2 * i + half) * kInfo.tile_bytes;
    Tile<P, FromGlobal> tile;
    tile.load(p, lane);
    const uint4 scales = FromGlobal::load16(p + kInfo.scale_offset + 16 * g);
#pragma unroll
    for (int q = 0; q < 2; ++q) {
      uint4 codes[NB];
#pragma unroll
      for (int c = 0; c < NB; ++c)
        codes[c] = load_codes(x.codes32, int64_t(first_group + c) * n_tiles + i, 2 * half + q, lane);
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        uint32_t a[4];
        tile.operand(2 * q + e, a);
        const uint32_t word = word_of(scales, 2 * q + e);
        const float d[2] = {kUnit<P> * half_bits_to_float(word & 0xffffu),
                            kUnit<P> * half_bits_to_float(word >> 16)};
#pragma unroll
        for (int c = 0; c < NB; ++c) {
          int32_t dot[4] = {};
          mma_s8s8(dot, a, e == 0 ? codes[c].x : codes[c].z, e == 0 ? codes[c].y : codes[c].w);
          const int64_t at = int64_t(first_group + c) * n_tiles + i;
          const float2 dx =
              *reinterpret_cast<const float2*>(x.scales32 + (at * 8 + 4 * half + 2 * q + e) * 8 + 2 * t);
#pragma unroll
          for (int v = 0; v < 4; ++v)
            acc[c][v] += (v % 2 == 0 ? dx.x : dx.y) * d[v / 2] * __int2float_rn(dot[v]);
        }
      }
    }
  }
}

template <int NB>
__device__ __forceinline__ void add_tile(Plane plane, const uint8_t* tiles, const QuantizedRows& x,
                                         int first_group, int n_tiles, int i, int k, int lane,
                                         Sums<NB>& acc) {
  switch (plane) {  // the same for all lanes
    case Plane::kW4K:
      return add_tile_min<Plane::kW4K, NB>(tiles, x, first_group, n_tiles, i, lane, acc);
    case Plane::kW5K:
      return add_tile_min<Plane::kW5K, NB>(tiles, x, first_group, n_tiles, i, lane, acc);
    case Plane::kW6K:
      return add_tile_w6k<NB>(tiles, x, first_group, n_tiles, i, lane, acc);
    case Plane::kW4:
      return add_tile_32<Plane::kW4, NB>(tiles, x, first_group, n_tiles, i, k, lane, acc);
    case Plane::kW5:
      return add_tile_32<Plane::kW5, NB>(tiles, x, first_group, n_tiles, i, k, lane, acc);
    default:
      return add_tile_32<Plane::kW8, NB>(tiles, x, first_group, n_tiles, i, k, lane, acc);
  }
}

}  // namespace dunlin::cuda
