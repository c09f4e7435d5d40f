// One row times a strip: the sums of a warp over its tiles.
//
// An mma has eight columns and one row of activations needs one, so each column takes another 16 columns of K:
// the operand of column g is zero except in "its" mma. After four mmas, 128 columns of K, the accumulators hold
// eight integer dots with a scale each; lane t scales its own two, the halves of sub-block 4h + t.
#pragma once

#include <cuda_fp16.h>

#include "backends/cuda/device/linear_params.h"
#include "backends/cuda/device/mma.cuh"
#include "backends/cuda/formats/unpack.cuh"

namespace dunlin::cuda {

__device__ __forceinline__ float half_bits_to_float(uint32_t bits) {
  return __half2float(__ushort_as_half(static_cast<unsigned short>(bits)));
}

// d | dmin << 16 of a row, from the top bytes of the scale words of its four lanes.
__device__ __forceinline__ uint32_t gather_halves(uint32_t scale_word, int t) {
  uint32_t v = (scale_word >> 24) << (8 * t);
  v |= __shfl_xor_sync(0xffffffffu, v, 1);
  v |= __shfl_xor_sync(0xffffffffu, v, 2);
  return v;
}

// What a lane needs of the row for one tile: by half of the tile, its word of codes and the scales and products
// of its two columns.
struct TileInput {
  uint32_t codes[2];
  float2 scales[2];
  float2 products[2];

  // The row was written by an earlier kernel: L2 has it, L1 must not.
  __device__ __forceinline__ void load(const Row16& x, int i, int lane) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      codes[h] = __ldcg(reinterpret_cast<const uint32_t*>(x.codes) + i * 64 + h * 32 + lane);
      scales[h] = __ldcg(reinterpret_cast<const float2*>(x.scales) + i * 8 + h * 4 + lane % 4);
      products[h] = __ldcg(reinterpret_cast<const float2*>(x.products) + i * 8 + h * 4 + lane % 4);
    }
  }
};

// The scaled dots of half h for the lane's rows g and g + 8: sum over its two columns, by factors f[row][column].
template <bool kSigned, typename Operand>
__device__ __forceinline__ void half_dots(const TileInput& x, int h, int lane, Operand operand, int32_t (&c)[4]) {
  const int g = lane / 4;
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    uint32_t a[4];
    operand(j, a);
    const uint32_t b0 = g == 2 * j ? x.codes[h] : 0u, b1 = g == 2 * j + 1 ? x.codes[h] : 0u;
    if constexpr (kSigned) {
      mma_s8s8(c, a, b0, b1);
    } else {
      mma_u8s8(c, a, b0, b1);
    }
  }
}

template <Plane P>
struct GemvTile;

// W4K and W5K.
template <Plane P>
struct GemvTileMin {
  Tile<P> tile;
  uint2 scales;

  __device__ __forceinline__ void load(const uint8_t* tiles, int i, int, int lane) {
    const uint8_t* p = tiles + int64_t(i) * plane_info(P).tile_bytes;
    tile.load(p, lane);
    scales = load_weights2(p + plane_info(P).scale_offset + 8 * lane);
  }
  __device__ __forceinline__ void add(const TileInput& x, int lane, float (&acc)[2]) const {
    const int t = lane % 4;
    float dots[2][2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      int32_t c[4] = {};
      half_dots<false>(x, h, lane, [&](int j, uint32_t(&a)[4]) { tile.operand(4 * h + j, a); }, c);
#pragma unroll
      for (int r = 0; r < 2; ++r)
        dots[r][h] = x.scales[h].x * __int2float_rn(c[2 * r]) + x.scales[h].y * __int2float_rn(c[2 * r + 1]);
    }
    // W4K: odd sub-blocks, those of odd lanes, are times 16 already.
    const float unit = P == Plane::kW4K && t % 2 == 0 ? 1.0f : kUnit<P>;
    const uint32_t words[2] = {scales.x, scales.y};
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const uint32_t w = words[r], halves = gather_halves(w, t);
      const float dot = __uint2float_rn(w & 63u) * dots[r][0] + __uint2float_rn(w >> 6 & 63u) * dots[r][1];
      const float min = __uint2float_rn(w >> 12 & 63u) * (x.products[0].x + x.products[0].y) +
                        __uint2float_rn(w >> 18 & 63u) * (x.products[1].x + x.products[1].y);
      acc[r] += unit * half_bits_to_float(halves & 0xffffu) * dot - half_bits_to_float(halves >> 16) * min;
    }
  }
};

template <>
struct GemvTile<Plane::kW4K> : GemvTileMin<Plane::kW4K> {};
template <>
struct GemvTile<Plane::kW5K> : GemvTileMin<Plane::kW5K> {};

template <>
struct GemvTile<Plane::kW6K> {
  Tile<Plane::kW6K> tile;
  uint2 scales;
  uint32_t d[2];

  __device__ __forceinline__ void load(const uint8_t* tiles, int i, int, int lane) {
    const uint8_t* p = tiles + int64_t(i) * plane_info(Plane::kW6K).tile_bytes;
    tile.load(p, lane);
    const uint8_t* s = p + plane_info(Plane::kW6K).scale_offset;
    scales = load_weights2(s + 8 * lane);
#pragma unroll
    for (int r = 0; r < 2; ++r)
      d[r] = __ldg(reinterpret_cast<const unsigned short*>(s + 256 + 2 * (lane / 4 + 8 * r)));
  }
  __device__ __forceinline__ static float signed_byte(uint32_t word, int i) {
    return __int2float_rn(int32_t(word << (24 - 8 * i)) >> 24);
  }
  __device__ __forceinline__ void add(const TileInput& x, int lane, float (&acc)[2]) const {
    float sum[2] = {};
    const uint32_t words[2] = {scales.x, scales.y};
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      int32_t c[4] = {};
      half_dots<true>(x, h, lane, [&](int j, uint32_t(&a)[4]) { tile.operand(4 * h + j, a); }, c);
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        sum[r] += x.scales[h].x * signed_byte(words[r], 2 * h) * __int2float_rn(c[2 * r]);
        sum[r] += x.scales[h].y * signed_byte(words[r], 2 * h + 1) * __int2float_rn(c[2 * r + 1]);
      }
    }
#pragma unroll
    for (int r = 0; r < 2; ++r) acc[r] += kUnit<Plane::kW6K> * half_bits_to_float(d[r]) * sum[r];
  }
};

// The 32-element planes: two tiles of 128 columns; the second may be missing.
template <Plane P>
struct GemvTile32 {
  Tile<P> tile[2];
  uint32_t scales[2];
  bool has_second;

  __device__ __forceinline__ void load(const uint8_t* tiles, int i, int k, int lane) {
    constexpr PlaneInfo kInfo = plane_info(P);
    const uint8_t* p = tiles + int64_t(2 * i) * kInfo.tile_bytes;
    has_second = 256 * i + 128 < k;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      if (h == 1 && !has_second) break;
      tile[h].load(p + h * kInfo.tile_bytes, lane);
      scales[h] = __ldg(reinterpret_cast<const uint32_t*>(p + h * kInfo.tile_bytes + kInfo.scale_offset) + lane);
    }
  }
  __device__ __forceinline__ void add(const TileInput& x, int lane, float (&acc)[2]) const {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      if (h == 1 && !has_second) break;
      int32_t c[4] = {};
      half_dots<true>(x, h, lane, [&](int j, uint32_t(&a)[4]) { tile[h].operand(j, a); }, c);
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const float dot = x.scales[h].x * __int2float_rn(c[2 * r]) + x.scales[h].y * __int2float_rn(c[2 * r + 1]);
        acc[r] += kUnit<P> * half_bits_to_float(scales[h] >> (16 * r) & 0xffffu) * dot;
      }
    }
  }
};

template <>
struct GemvTile<Plane::kW4> : GemvTile32<Plane::kW4> {};
template <>
struct GemvTile<Plane::kW5> : GemvTile32<Plane::kW5> {};
template <>
struct GemvTile<Plane::kW8> : GemvTile32<Plane::kW8> {};

}  // namespace dunlin::cuda
