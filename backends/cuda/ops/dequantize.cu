// dequantize: strips of a quantized plane to rows of halves, B of the prefill GEMM; a warp a tile. Values are
// found in f32 and rounded once. Columns from K on are zeros, as the tiles hold them.
// Grid: ceil(n_strips * n_tiles / 8). Block: 256.
#include <cuda_fp16.h>

#include "backends/cuda/device/gemm_params.h"
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/formats/scale_word.h"
#include "backends/cuda/formats/unpack.cuh"

namespace dunlin::cuda {
namespace {

template <Plane P>
inline constexpr bool kIsSigned = P == Plane::kW6K || P == Plane::kW4 || P == Plane::kW5 || P == Plane::kW8;

// The four bytes of an operand word, exactly: 2^23 + byte as float bits, less 2^23.
template <Plane P>
__device__ __forceinline__ float4 to_floats(uint32_t word) {
  constexpr float kBase = 8388608.0f + (kIsSigned<P> ? 128 : 0);
  if (kIsSigned<P>) word ^= 0x80808080u;
  const auto byte = [&](uint32_t i) {
    return __uint_as_float(__byte_perm(word, 0x4b000000u, 0x7540u | i)) - kBase;
  };
  return make_float4(byte(0), byte(1), byte(2), byte(3));
}

// What turns the operand of one row, sub-block and half of it into values: code * scale - min.
struct Affine {
  float scale, min;
};

// The scales of the lane's rows g and g + 8.
template <Plane P>
struct Scales {
  static constexpr PlaneInfo kInfo = plane_info(P);
  uint32_t word[2][4];  // K planes: [row][t]; else [0][sub-block], a half for each row
  float d[2], dmin[2];

  __device__ __forceinline__ void load(const uint8_t* tile, int g) {
    const uint8_t* scales = tile + kInfo.scale_offset;
    if constexpr (kInfo.tile_k != 256) {
      const uint4 w = FromGlobal::load16(scales + 16 * g);
      word[0][0] = w.x, word[0][1] = w.y, word[0][2] = w.z, word[0][3] = w.w;
    } else {
      const uint4 a = FromGlobal::load16(scales + 32 * g), b = FromGlobal::load16(scales + 32 * g + 16);
      word[0][0] = a.x, word[0][1] = a.z, word[0][2] = b.x, word[0][3] = b.z;
      word[1][0] = a.y, word[1][1] = a.w, word[1][2] = b.y, word[1][3] = b.w;
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        if constexpr (P == Plane::kW6K) {
          d[r] = half_bits_to_float(*reinterpret_cast<const unsigned short*>(scales + 256 + 2 * (g + 8 * r)));
          dmin[r] = 0;
        } else {
          const uint32_t halves = row_halves(word[r][0], word[r][1], word[r][2], word[r][3]);
          d[r] = half_bits_to_float(halves & 0xffffu);
          dmin[r] = half_bits_to_float(halves >> 16);
        }
      }
    }
  }

  // Of row g + 8 r, columns 16 half .. of sub-block j.
  __device__ __forceinline__ Affine of(int r, int j, int half) const {
    // Even sub-blocks of W4K come without the factor 16.
    const float unit = P == Plane::kW4K && j % 2 == 0 ? 1.0f : kUnit<P>;
    if constexpr (kInfo.tile_k != 256) {
      return {half_bits_to_float(word[0][j] >> (16 * r)) * unit, 0.0f};
    } else if constexpr (P == Plane::kW6K) {
      const auto scale = int8_t(word[r][j % 4] >> (8 * (half + 2 * (j / 4))));
      return {d[r] * float(scale) * unit, 0.0f};
    } else {
      const uint32_t w = word[r][j % 4];
      return {d[r] * float(word_scale(w, j >= 4)) * unit, dmin[r] * float(word_min(w, j >= 4))};
    }
  }
};

template <Plane P>
__device__ __forceinline__ void dequantize_tile(const DequantizeParams& p, int strip, int tile_index,
                                                int lane) {
  constexpr PlaneInfo kInfo = plane_info(P);
  const int g = lane / 4, t = lane % 4;
  const uint8_t* from = p.tiles + (int64_t(strip) * p.n_tiles + tile_index) * kInfo.tile_bytes;
  Tile<P, FromGlobal> tile;
  tile.load(from, lane);
  Scales<P> scales;
  scales.load(from, g);
  const int row = strip * kStripRows + g;
  uint16_t* to = p.b + int64_t(row) * p.row_step * p.padded_k + tile_index * kInfo.tile_k + 4 * t;
#pragma unroll
  for (int j = 0; j < kInfo.tile_k / 32; ++j) {
    if (tile_index * kInfo.tile_k + 32 * j >= p.padded_k) return;
    uint32_t words[4];
    tile.operand(j, words);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int r = i % 2, half = i / 2;
      if (row + 8 * r >= p.n_rows) continue;
      const Affine f = scales.of(r, j, half);
      const float4 q = to_floats<P>(words[i]);
      const __half2 low = __floats2half2_rn(q.x * f.scale - f.min, q.y * f.scale - f.min);
      const __half2 high = __floats2half2_rn(q.z * f.scale - f.min, q.w * f.scale - f.min);
      *reinterpret_cast<uint2*>(to + int64_t(8 * r) * p.row_step * p.padded_k + 32 * j + 16 * half) =
          make_uint2(*reinterpret_cast<const uint32_t*>(&low), *reinterpret_cast<const uint32_t*>(&high));
    }
  }
}

}  // namespace
}  // namespace dunlin::cuda

extern "C" __global__ void __launch_bounds__(256) dequantize(dunlin::cuda::DequantizeParams p) {
  using namespace dunlin::cuda;
  pdl_launch_dependents();
  pdl_wait();
  const int64_t index = int64_t(blockIdx.x) * 8 + threadIdx.x / 32;
  if (index >= int64_t(p.n_strips) * p.n_tiles) return;
  const int strip = int(index / p.n_tiles), tile = int(index % p.n_tiles), lane = threadIdx.x % 32;
  switch (p.plane) {
    case Plane::kW4K:
      return dequantize_tile<Plane::kW4K>(p, strip, tile, lane);
    case Plane::kW5K:
      return dequantize_tile<Plane::kW5K>(p, strip, tile, lane);
    case Plane::kW6K:
      return dequantize_tile<Plane::kW6K>(p, strip, tile, lane);
    case Plane::kW4:
      return dequantize_tile<Plane::kW4>(p, strip, tile, lane);
    case Plane::kW5:
      return dequantize_tile<Plane::kW5>(p, strip, tile, lane);
    case Plane::kW8:
      return dequantize_tile<Plane::kW8>(p, strip, tile, lane);
    default:
      return;
  }
}
