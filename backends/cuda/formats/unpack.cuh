// From a tile's bytes to mma operands, in registers. One Tile<Plane> per plane of plane.h: load() reads what
// the lane owns, operand(j) gives A for sub-block j of 32 columns.
#pragma once

#include <cstdint>

#include "backends/cuda/device/words.cuh"
#include "backends/cuda/formats/plane.h"

namespace dunlin::cuda {

// Where a tile is read from: global memory, past L1, which is the activations'; or, by PlainLoad, a copy in
// shared memory.
struct FromGlobal {
  static __device__ __forceinline__ uint4 load16(const uint8_t* p) {
    uint4 v;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "l"(p));
    return v;
  }
};

template <Plane P, typename Source>
struct Tile;

template <typename Source>
struct Tile<Plane::kW4K, Source> {
  uint4 codes[4];
  __device__ __forceinline__ void load(const uint8_t* tile, int lane) {
#pragma unroll
    for (int c = 0; c < 4; ++c) codes[c] = Source::load16(tile + 512 * c + 16 * lane);
  }
  // Even sub-blocks: q, odd: 16 q.
  __device__ __forceinline__ void operand(int j, uint32_t (&a)[4]) const {
    const uint32_t mask = j % 2 == 0 ? 0x0f0f0f0fu : 0xf0f0f0f0u;
#pragma unroll
    for (int i = 0; i < 4; ++i) a[i] = word_of(codes[j / 2], i) & mask;
  }
};

template <typename Source>
struct Tile<Plane::kW5K, Source> {
  uint4 codes[4];
  uint4 high;
  __device__ __forceinline__ void load(const uint8_t* tile, int lane) {
#pragma unroll
    for (int c = 0; c < 4; ++c) codes[c] = Source::load16(tile + 512 * c + 16 * lane);
    high = Source::load16(tile + 2048 + 16 * lane);
  }
  __device__ __forceinline__ void operand(int j, uint32_t (&a)[4]) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const uint32_t w = word_of(codes[j / 2], i);
      const uint32_t low = (j % 2 == 0 ? w : __funnelshift_l(w, w, 4)) & 0x78787878u;
      a[i] = low | ((word_of(high, i) << (7 - j)) & 0x80808080u);
    }
  }
};

template <typename Source>
struct Tile<Plane::kW6K, Source> {
  uint4 codes[4];
  uint4 high[2];
  __device__ __forceinline__ void load(const uint8_t* tile, int lane) {
#pragma unroll
    for (int c = 0; c < 4; ++c) codes[c] = Source::load16(tile + 512 * c + 16 * lane);
#pragma unroll
    for (int h = 0; h < 2; ++h) high[h] = Source::load16(tile + 2048 + 512 * h + 16 * lane);
  }
  __device__ __forceinline__ void operand(int j, uint32_t (&a)[4]) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const uint32_t w = word_of(codes[j / 2], i);
      const uint32_t low = (j % 2 == 0 ? w : __funnelshift_l(w, w, 4)) & 0x3c3c3c3cu;
      a[i] = low | ((word_of(high[j / 4], i) << (6 - 2 * (j % 4))) & 0xc0c0c0c0u);
    }
  }
};

template <typename Source>
struct Tile<Plane::kW4, Source> {
  uint4 codes[2];
  __device__ __forceinline__ void load(const uint8_t* tile, int lane) {
#pragma unroll
    for (int c = 0; c < 2; ++c) codes[c] = Source::load16(tile + 512 * c + 16 * lane);
  }
  __device__ __forceinline__ void operand(int j, uint32_t (&a)[4]) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const uint32_t w = word_of(codes[j / 2], i);
      a[i] = (j % 2 == 0 ? w << 4 : w) & 0xf0f0f0f0u;
    }
  }
};

template <typename Source>
struct Tile<Plane::kW5, Source> {
  uint4 codes[2];
  uint2 high;
  __device__ __forceinline__ void load(const uint8_t* tile, int lane) {
#pragma unroll
    for (int c = 0; c < 2; ++c) codes[c] = Source::load16(tile + 512 * c + 16 * lane);
    high = *reinterpret_cast<const uint2*>(tile + 1024 + 8 * lane);
  }
  __device__ __forceinline__ void operand(int j, uint32_t (&a)[4]) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const uint32_t w = word_of(codes[j / 2], i);
      const uint32_t low = (j % 2 == 0 ? w : __funnelshift_l(w, w, 4)) & 0x78787878u;
      const uint32_t h = i < 2 ? high.x : high.y;
      a[i] = low | ((h << (7 - j - 4 * (i % 2))) & 0x80808080u);
    }
  }
};

template <typename Source>
struct Tile<Plane::kW8, Source> {
  uint4 codes[4];
  __device__ __forceinline__ void load(const uint8_t* tile, int lane) {
#pragma unroll
    for (int c = 0; c < 4; ++c) codes[c] = Source::load16(tile + 512 * c + 16 * lane);
  }
  __device__ __forceinline__ void operand(int j, uint32_t (&a)[4]) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) a[i] = word_of(codes[j], i);
  }
};

// What the operand is multiplied by beyond the code.
template <Plane P>
inline constexpr float kUnit = P == Plane::kW4K || P == Plane::kW4   ? 1.0f / 16
                               : P == Plane::kW5K || P == Plane::kW5 ? 1.0f / 8
                               : P == Plane::kW6K                    ? 1.0f / 4
                                                                     : 1.0f;

}  // namespace dunlin::cuda
