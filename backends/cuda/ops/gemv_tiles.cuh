// One row times a strip: the sums of a warp over its tiles.
//
// An mma has eight columns and one row of activations needs one, so each column takes another sub-block (K
// types with scales per 16: another half sub-block): the operand of column g is zero except in "its" mma.
// After eight mmas the accumulators hold eight separate integer dots, which each lane scales for its own two
// columns; nothing is thrown away but zeros.
#pragma once

#include "backends/cuda/device/mma.cuh"
#include "backends/cuda/device/linear_params.h"
#include "backends/cuda/formats/unpack.cuh"

#include <cuda_fp16.h>

namespace dunlin::cuda {

// The quantized row in shared memory. Words are in K order.
struct RowCodes {
  const uint32_t* codes;  // [tile of 256][64]
  const float* scales;    // A256 [tile], A32 [tile][8]
  const int32_t* sums;    // A256 [tile][8]
};

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
  __device__ __forceinline__ void scale_row(uint32_t word, uint32_t halves, const int32_t* c, int2 sums, float dx,
                                            float& acc) const {
    constexpr int kEvenShift = P == Plane::kW4K ? 4 : 0;  // even codes are not yet times 16
    const int32_t sc0 = int32_t(word & 63u) << kEvenShift;
    const int32_t sc1 = int32_t(word >> 6 & 63u);
    const int32_t m0 = int32_t(word >> 12 & 63u), m1 = int32_t(word >> 18 & 63u);
    const float dot = __int2float_rn(c[0] * sc0 + c[1] * sc1) * (half_bits_to_float(halves & 0xffffu) * kUnit<P>);
    const float min = __int2float_rn(m0 * sums.x + m1 * sums.y) * half_bits_to_float(halves >> 16);
    acc += dx * (dot - min);
  }
  __device__ __forceinline__ void add(const RowCodes& x, int i, int lane, float (&acc)[2]) const {
    const int g = lane / 4, t = lane % 4;
    const uint32_t x0 = x.codes[i * 64 + g * 8 + t], x1 = x.codes[i * 64 + g * 8 + 4 + t];
    int32_t c[4] = {};
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      uint32_t a[4];
      tile.operand(j, a);
      mma_u8s8(c, a, g == j ? x0 : 0u, g == j ? x1 : 0u);
    }
    const int2 sums = *reinterpret_cast<const int2*>(x.sums + i * 8 + 2 * t);
    const float dx = x.scales[i];
    scale_row(scales.x, gather_halves(scales.x, t), c, sums, dx, acc[0]);
    scale_row(scales.y, gather_halves(scales.y, t), c + 2, sums, dx, acc[1]);
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
    for (int r = 0; r < 2; ++r) d[r] = __ldg(reinterpret_cast<const unsigned short*>(s + 256 + 2 * (lane / 4 + 8 * r)));
  }
  __device__ __forceinline__ static int32_t signed_byte(uint32_t word, int i) {
    return int32_t(word << (24 - 8 * i)) >> 24;
  }
  __device__ __forceinline__ void add(const RowCodes& x, int i, int lane, float (&acc)[2]) const {
    const int g = lane / 4, t = lane % 4;
    int32_t sum[2] = {};
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      // Column g of this half takes 16 columns of K: half g % 2 of sub-block g / 2.
      const uint32_t w = x.codes[i * 64 + h * 32 + (g / 2) * 8 + (g % 2) * 4 + t];
      int32_t c[4] = {};
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        uint32_t a[4];
        tile.operand(4 * h + j, a);
        mma_s8s8(c, a, g == 2 * j ? w : 0u, g == 2 * j + 1 ? w : 0u);
      }
      sum[0] += c[0] * signed_byte(scales.x, 2 * h) + c[1] * signed_byte(scales.x, 2 * h + 1);
      sum[1] += c[2] * signed_byte(scales.y, 2 * h) + c[3] * signed_byte(scales.y, 2 * h + 1);
    }
    const float dx = x.scales[i] * kUnit<Plane::kW6K>;
#pragma unroll
    for (int r = 0; r < 2; ++r) acc[r] += dx * half_bits_to_float(d[r]) * __int2float_rn(sum[r]);
  }
};

// The 32-element planes: two tiles of 128 columns make up the eight sub-blocks; the second may be missing.
template <Plane P>
struct GemvTile32 {
  Tile<P> tile[2];
  uint2 scales;
  bool has_second;

  __device__ __forceinline__ void load(const uint8_t* tiles, int i, int k, int lane) {
    constexpr PlaneInfo kInfo = plane_info(P);
    const uint8_t* p = tiles + int64_t(2 * i) * kInfo.tile_bytes;
    const int g = lane / 4, t = lane % 4;
    has_second = 256 * i + 128 < k;
    tile[0].load(p, lane);
    if (has_second) tile[1].load(p + kInfo.tile_bytes, lane);
    scales = make_uint2(0, 0);
    if (t < 2 || has_second)
      scales = load_weights2(p + (t / 2) * kInfo.tile_bytes + kInfo.scale_offset + 8 * (8 * (t % 2) + g));
  }
  __device__ __forceinline__ void add(const RowCodes& x, int i, int lane, float (&acc)[2]) const {
    const int g = lane / 4, t = lane % 4;
    const uint32_t x0 = x.codes[i * 64 + g * 8 + t], x1 = x.codes[i * 64 + g * 8 + 4 + t];
    int32_t c[4] = {};
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      if (h == 1 && !has_second) break;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        uint32_t a[4];
        tile[h].operand(j, a);
        const bool mine = g == 4 * h + j;
        mma_s8s8(c, a, mine ? x0 : 0u, mine ? x1 : 0u);
      }
    }
    const float2 dx = *reinterpret_cast<const float2*>(x.scales + i * 8 + 2 * t);
    const uint32_t words[2] = {scales.x, scales.y};
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      acc[r] += kUnit<P> * dx.x * half_bits_to_float(words[r] & 0xffffu) * __int2float_rn(c[2 * r]);
      acc[r] += kUnit<P> * dx.y * half_bits_to_float(words[r] >> 16) * __int2float_rn(c[2 * r + 1]);
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
