// One row times a tile of 16 rows and 256 columns, which lies in shared memory.
//
// An mma has eight columns and one row of activations needs one, so each column takes another 16 columns of
// K: the operand of column g is zero except in "its" mma. After four mmas, 128 columns of K, the accumulators
// hold eight integer dots with a scale each; lane t scales its own two, the halves of sub-block 4h + t.
#pragma once

#include <cuda_fp16.h>

#include "backends/cuda/device/linear_params.h"
#include "backends/cuda/device/mma.cuh"
#include "backends/cuda/formats/unpack.cuh"

namespace dunlin::cuda {

// d | dmin << 16 of a row, from the top bytes of the scale words of its four lanes.
__device__ __forceinline__ uint32_t gather_halves(uint32_t scale_word, int t) {
  uint32_t v = (scale_word >> 24) << (8 * t);
  v |= __shfl_xor_sync(0xffffffffu, v, 1);
  v |= __shfl_xor_sync(0xffffffffu, v, 2);
  return v;
}

// What a lane needs of the row for one tile: by half of the tile, its word of codes and the scales and
// products of its two columns.
struct TileInput {
  uint32_t codes[2];
  float2 scales[2];
  float2 products[2];

  // row: as in memory, in shared memory.
  __device__ __forceinline__ void load(const uint8_t* row, int n_tiles, int i, int lane) {
    const float2* row_scales = reinterpret_cast<const float2*>(row + n_tiles * kTileK);
    const float2* row_products = row_scales + n_tiles * 8;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      codes[h] = reinterpret_cast<const uint32_t*>(row)[i * 64 + h * 32 + lane];
      scales[h] = row_scales[i * 8 + h * 4 + lane % 4];
      products[h] = row_products[i * 8 + h * 4 + lane % 4];
    }
  }
};

// The scaled dots of half h for the lane's rows g and g + 8: sum over its two columns, by factors
// f[row][column].
template <bool kSigned, typename Operand>
__device__ __forceinline__ void half_dots(const TileInput& x, int h, int lane, Operand operand,
                                          int32_t (&c)[4]) {
  const int g = lane / 4;
  // Two chains: an mma that waits for another costs more than an addition.
  int32_t other[4] = {};
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    uint32_t a[4];
    operand(j, a);
    const uint32_t b0 = g == 2 * j ? x.codes[h] : 0u, b1 = g == 2 * j + 1 ? x.codes[h] : 0u;
    int32_t(&sums)[4] = j % 2 == 0 ? c : other;
    if constexpr (kSigned) {
      mma_s8s8(sums, a, b0, b1);
    } else {
      mma_u8s8(sums, a, b0, b1);
    }
  }
#pragma unroll
  for (int v = 0; v < 4; ++v) c[v] += other[v];
}

// W4K and W5K. acc: the sums of rows g and g + 8 over the lane's columns.
template <Plane P>
__device__ __forceinline__ void add_tile_min(const uint8_t* bytes, const TileInput& x, int lane,
                                             float (&acc)[2]) {
  const int t = lane % 4;
  Tile<P, FromShared> tile;
  tile.load(bytes, lane);
  float dots[2][2];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    int32_t c[4] = {};
    half_dots<false>(
        x, h, lane, [&](int j, uint32_t(&a)[4]) { tile.operand(4 * h + j, a); }, c);
#pragma unroll
    for (int r = 0; r < 2; ++r)
      dots[r][h] = x.scales[h].x * __int2float_rn(c[2 * r]) + x.scales[h].y * __int2float_rn(c[2 * r + 1]);
  }
  // W4K: odd sub-blocks, those of odd lanes, are times 16 already.
  const float unit = P == Plane::kW4K && t % 2 == 0 ? 1.0f : kUnit<P>;
  const uint2 scales = *reinterpret_cast<const uint2*>(bytes + plane_info(P).scale_offset + 8 * lane);
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

__device__ __forceinline__ float signed_byte(uint32_t word, int i) {
  return __int2float_rn(int32_t(word << (24 - 8 * i)) >> 24);
}

__device__ __forceinline__ void add_tile_w6k(const uint8_t* bytes, const TileInput& x, int lane,
                                             float (&acc)[2]) {
  Tile<Plane::kW6K, FromShared> tile;
  tile.load(bytes, lane);
  const uint8_t* s = bytes + plane_info(Plane::kW6K).scale_offset;
  const uint2 scales = *reinterpret_cast<const uint2*>(s + 8 * lane);
  const uint32_t words[2] = {scales.x, scales.y};
  float sum[2] = {};
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    int32_t c[4] = {};
    half_dots<true>(
        x, h, lane, [&](int j, uint32_t(&a)[4]) { tile.operand(4 * h + j, a); }, c);
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      sum[r] += x.scales[h].x * signed_byte(words[r], 2 * h) * __int2float_rn(c[2 * r]);
      sum[r] += x.scales[h].y * signed_byte(words[r], 2 * h + 1) * __int2float_rn(c[2 * r + 1]);
    }
  }
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const uint32_t d = *reinterpret_cast<const unsigned short*>(s + 256 + 2 * (lane / 4 + 8 * r));
    acc[r] += kUnit<Plane::kW6K> * half_bits_to_float(d) * sum[r];
  }
}

// The 32-element planes: two tiles of 128 columns; the second may be missing.
template <Plane P>
__device__ __forceinline__ void add_tile_32(const uint8_t* bytes, const TileInput& x, bool has_second,
                                            int lane, float (&acc)[2]) {
  constexpr PlaneInfo kInfo = plane_info(P);
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    if (h == 1 && !has_second) break;
    Tile<P, FromShared> tile;
    tile.load(bytes + h * kInfo.tile_bytes, lane);
    int32_t c[4] = {};
    half_dots<true>(
        x, h, lane, [&](int j, uint32_t(&a)[4]) { tile.operand(j, a); }, c);
    const uint32_t scales =
        *reinterpret_cast<const uint32_t*>(bytes + h * kInfo.tile_bytes + kInfo.scale_offset + 4 * lane);
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const float dot =
          x.scales[h].x * __int2float_rn(c[2 * r]) + x.scales[h].y * __int2float_rn(c[2 * r + 1]);
      acc[r] += kUnit<P> * half_bits_to_float(scales >> (16 * r) & 0xffffu) * dot;
    }
  }
}

__device__ __forceinline__ void add_tile(Plane plane, const uint8_t* bytes, const TileInput& x,
                                         bool has_second, int lane, float (&acc)[2]) {
  switch (plane) {  // the same for all lanes
    case Plane::kW4K:
      return add_tile_min<Plane::kW4K>(bytes, x, lane, acc);
    case Plane::kW5K:
      return add_tile_min<Plane::kW5K>(bytes, x, lane, acc);
    case Plane::kW6K:
      return add_tile_w6k(bytes, x, lane, acc);
    case Plane::kW4:
      return add_tile_32<Plane::kW4>(bytes, x, has_second, lane, acc);
    case Plane::kW5:
      return add_tile_32<Plane::kW5>(bytes, x, has_second, lane, acc);
    default:
      return add_tile_32<Plane::kW8>(bytes, x, has_second, lane, acc);
  }
}

}  // namespace dunlin::cuda
