// One row times a tile of 16 rows and 256 columns, which lies in shared memory.
//
// An mma has eight columns and one row of activations needs one, so each column takes another 16 columns of
// K: the operand of column g is zero except in "its" mma. After four mmas, 128 columns of K, the accumulators
// hold eight integer dots with a scale each; lane t scales its own two, the halves of sub-block 4h + t.
#pragma once

#include <cuda_fp16.h>

#include "backends/cuda/device/early_load.cuh"
#include "backends/cuda/device/linear_params.h"
#include "backends/cuda/device/mma.cuh"
#include "backends/cuda/formats/scale_word.h"
#include "backends/cuda/formats/unpack.cuh"

namespace dunlin::cuda {

// What a lane needs of the row for one tile: by half of the tile, its word of codes and the scales and
// products of its two columns.
struct TileInput {
  uint32_t codes[2];
  float4 columns[2];  // scale, product, scale, product

  // tile: of the row, in shared memory.
  __device__ __forceinline__ TileInput(const uint8_t* tile, int lane) {
    const uint32_t* words = reinterpret_cast<const uint32_t*>(tile) + lane;
    const float4* pairs = reinterpret_cast<const float4*>(tile + kTileK) + lane % 4;
#pragma unroll
    for (int h = 0; h < 2; ++h) codes[h] = words[32 * h], columns[h] = pairs[4 * h];
  }
  __device__ __forceinline__ float scaled(int h, int32_t first, int32_t second) const {
    return columns[h].x * __int2float_rn(first) + columns[h].z * __int2float_rn(second);
  }
  __device__ __forceinline__ float product(int h) const {
    return columns[h].y + columns[h].w;
  }
};

// 1 where the lane's mma column takes 16 columns c of a half, else 0. Multiplied, not selected: the pipe that
// selects is the one that unpacks.
struct ColumnPicks {
  uint32_t pick[8];

  __device__ __forceinline__ explicit ColumnPicks(int lane) {
#pragma unroll
    for (int c = 0; c < 8; ++c) {
      pick[c] = lane / 4 == c ? 1 : 0;
      asm volatile("" : "+r"(pick[c]));  // or it would be a selection again
    }
  }
};

// The sums of a lane for rows g and g + 8 of a strip: unit * dot - min.
struct StripSums {
  float dot[2] = {}, min[2] = {};
};

// The dots of half h for the lane's rows g and g + 8 and its two columns.
template <bool kSigned, typename Operand>
__device__ __forceinline__ void half_dots(uint32_t codes, const ColumnPicks& picks, Operand operand,
                                          int32_t (&c)[4]) {
  // Two chains: an mma that waits for another costs more than an addition.
  int32_t other[4] = {};
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    uint32_t a[4];
    operand(j, a);
    const uint32_t b0 = codes * picks.pick[2 * j], b1 = codes * picks.pick[2 * j + 1];
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

// Two numbers below 64, 16 bits apart, as floats.
__device__ __forceinline__ float2 small_pair_to_floats(uint32_t pair) {
  // 1024 + n as half bits, less 1024.
  return __half22float2(__hsub2(as_half2((pair & 0x003f003fu) | 0x64006400u), __float2half2_rn(1024.0f)));
}

// W4K and W5K.
template <Plane P>
__device__ __forceinline__ void add_tile_min(const uint8_t* bytes, const TileInput& x,
                                             const ColumnPicks& picks, int lane, StripSums& sums) {
  Tile<P, PlainLoad> tile;
  tile.load(bytes, lane);
  const uint2 scales = *reinterpret_cast<const uint2*>(bytes + plane_info(P).scale_offset + 8 * lane);
  float dots[2][2];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    int32_t c[4] = {};
    half_dots<false>(
        x.codes[h], picks, [&](int j, uint32_t(&a)[4]) { tile.operand(4 * h + j, a); }, c);
#pragma unroll
    for (int r = 0; r < 2; ++r) dots[r][h] = x.scaled(h, c[2 * r], c[2 * r + 1]);
  }
  const uint32_t words[2] = {scales.x, scales.y};
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const uint32_t w = words[r];
    uint32_t halves = word_halves(w, lane % 4);
    halves |= __shfl_xor_sync(0xffffffffu, halves, 1);
    halves |= __shfl_xor_sync(0xffffffffu, halves, 2);
    const float2 d = __half22float2(as_half2(halves));
    const float2 scale = small_pair_to_floats(w), min = small_pair_to_floats(w >> 6);
    sums.dot[r] += d.x * (scale.x * dots[r][0] + scale.y * dots[r][1]);
    sums.min[r] += d.y * (min.x * x.product(0) + min.y * x.product(1));
  }
}

// Bytes 0, 1 or 2, 3 of a word, signed, as floats.
__device__ __forceinline__ float2 signed_pair_to_floats(uint32_t word, bool upper) {
  return __half22float2(bytes_to_half2(word, upper));
}

__device__ __forceinline__ void add_tile_w6k(const uint8_t* bytes, const TileInput& x,
                                             const ColumnPicks& picks, int lane, StripSums& sums) {
  Tile<Plane::kW6K, PlainLoad> tile;
  tile.load(bytes, lane);
  const uint8_t* s = bytes + plane_info(Plane::kW6K).scale_offset;
  const uint2 scales = *reinterpret_cast<const uint2*>(s + 8 * lane);
  const uint32_t words[2] = {scales.x, scales.y};
  float sum[2] = {};
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    int32_t c[4] = {};
    half_dots<true>(
        x.codes[h], picks, [&](int j, uint32_t(&a)[4]) { tile.operand(4 * h + j, a); }, c);
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const float2 scale = signed_pair_to_floats(words[r], h == 1);
      sum[r] += x.columns[h].x * scale.x * __int2float_rn(c[2 * r]);
      sum[r] += x.columns[h].z * scale.y * __int2float_rn(c[2 * r + 1]);
    }
  }
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const uint32_t d = *reinterpret_cast<const unsigned short*>(s + 256 + 2 * (lane / 4 + 8 * r));
    sums.dot[r] += half_bits_to_float(d) * sum[r];
  }
}

// The 32-element planes: two tiles of 128 columns; the second may be missing.
template <Plane P>
__device__ __forceinline__ void add_tile_32(const uint8_t* bytes, const TileInput& x,
                                            const ColumnPicks& picks, bool has_second, int lane,
                                            StripSums& sums) {
  constexpr PlaneInfo kInfo = plane_info(P);
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    if (h == 1 && !has_second) break;
    Tile<P, PlainLoad> tile;
    tile.load(bytes + h * kInfo.tile_bytes, lane);
    int32_t c[4] = {};
    half_dots<true>(
        x.codes[h], picks, [&](int j, uint32_t(&a)[4]) { tile.operand(j, a); }, c);
    const uint32_t scales =
        *reinterpret_cast<const uint32_t*>(bytes + h * kInfo.tile_bytes + kInfo.scale_offset + 4 * lane);
    const float2 d = __half22float2(as_half2(scales));
    sums.dot[0] += d.x * x.scaled(h, c[0], c[1]);
    sums.dot[1] += d.y * x.scaled(h, c[2], c[3]);
  }
}

// columns_left: of K, from the tile's first on.
template <Plane P>
__device__ __forceinline__ void add_tile(const uint8_t* bytes, const TileInput& x, const ColumnPicks& picks,
                                         int columns_left, int lane, StripSums& sums) {
  if constexpr (P == Plane::kW4K || P == Plane::kW5K) {
    add_tile_min<P>(bytes, x, picks, lane, sums);
  } else if constexpr (P == Plane::kW6K) {
    add_tile_w6k(bytes, x, picks, lane, sums);
  } else {
    add_tile_32<P>(bytes, x, picks, columns_left > kTileK / 2, lane, sums);
  }
}

// What a lane's dots are multiplied by. W4K: odd sub-blocks, those of odd lanes, are times 16 already.
template <Plane P>
__device__ __forceinline__ float dot_unit(int lane) {
  return P == Plane::kW4K && lane % 2 == 0 ? 1.0f : kUnit<P>;
}

}  // namespace dunlin::cuda
