// gemv: one row of activations times quantized matrices. A CTA takes strips_per_cta strips at a time; its warps
// share each strip's tiles (warp w: strip w % strips_per_cta, every n_parts-th tile from w / strips_per_cta), so
// the order of every sum is fixed. The first weights are on their way before the row is there. Results may be
// quantized for the next linear on the way out.
//
// Grid: any, at most ceil(n_strips / strips_per_cta). Block: 32 * strips_per_cta * parts.
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/ops/emit_row.cuh"
#include "backends/cuda/ops/gemv_tiles.cuh"
#include "backends/cuda/ops/linear_epilogue.cuh"

namespace dunlin::cuda {
namespace {

constexpr int kMaxWarps = 10;

// The part of a Strip that the sums need: few registers.
struct WeightStrip {
  const uint8_t* tiles;
  Plane plane;
};

// Planes whose next tile fits into registers beside the one in use (two CTAs of 320 threads: 96 each).
template <Plane P>
inline constexpr bool kDoubleBuffered = P == Plane::kW4K || P == Plane::kW4 || P == Plane::kW5;

// A warp's tiles; the first is loaded already.
template <Plane P>
__device__ __forceinline__ void add_tiles(GemvTile<P>& tile, const LinearParams& p, const uint8_t* tiles, int part,
                                          int n_parts, float (&acc)[2]) {
  const int lane = threadIdx.x % 32;
  for (int i = part; i < p.n_tiles; i += n_parts) {
    const bool more = i + n_parts < p.n_tiles;
    TileInput x;
    x.load(p.x, i, lane);
    if constexpr (kDoubleBuffered<P>) {
      GemvTile<P> next;
      if (more) next.load(tiles, i + n_parts, p.k, lane);
      tile.add(x, lane, acc);
      if (more) tile = next;
    } else {
      tile.add(x, lane, acc);
      if (more) tile.load(tiles, i + n_parts, p.k, lane);
    }
  }
}

// The same for kernels of several planes, which have no registers for a tile ahead: other warps cover.
template <Plane P>
__device__ __forceinline__ void run_plane(const LinearParams& p, const WeightStrip& strip, int part, int n_parts,
                                          float (&acc)[2]) {
  if (strip.plane != P) return;
  const int lane = threadIdx.x % 32;
  for (int i = part; i < p.n_tiles; i += n_parts) {
    GemvTile<P> tile;
    tile.load(strip.tiles, i, p.k, lane);
    TileInput x;
    x.load(p.x, i, lane);
    tile.add(x, lane, acc);
  }
}

__device__ __forceinline__ void prefetch_tile(const WeightStrip& strip, int tile) {
  const PlaneInfo info = plane_info(strip.plane);
  const int bytes = info.tile_bytes * (256 / info.tile_k);
  const int offset = 128 * (threadIdx.x % 32);
  if (offset < bytes)
    asm volatile("prefetch.global.L2 [%0];" ::"l"(strip.tiles + int64_t(tile) * bytes + offset));
}

// A warp's sums over its lanes, into its row of the CTA's table.
__device__ __forceinline__ void store_partial(const float (&acc)[2], float (&to)[kStripRows]) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float v = acc[r];
    v += __shfl_xor_sync(0xffffffffu, v, 1);
    v += __shfl_xor_sync(0xffffffffu, v, 2);
    if (lane % 4 == 0) to[lane / 4 + 8 * r] = v;
  }
}

// What a CTA is: which warp does what.
struct Roles {
  int n_slots, n_parts, slot, part;
};

__device__ __forceinline__ Roles roles_of(const LinearParams& p) {
  const int warp = threadIdx.x / 32, n_warps = blockDim.x / 32;
  return {p.strips_per_cta, n_warps / p.strips_per_cta, warp % p.strips_per_cta, warp / p.strips_per_cta};
}

// 1 / rms of the raw row, by one warp, from the sums that its makers left.
__device__ __forceinline__ float norm_factor(const LinearParams& p) {
  float sum = 0;
  for (int i = threadIdx.x % 32; i < p.n_squares; i += 32) sum += __ldcg(p.x.squares + i);
#pragma unroll
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
  return rsqrtf(sum / float(p.k) + p.norm_eps);
}

// Thread 16 * slot + row finishes that output: the warps' sums in order, the norm's factor, the epilogue.
__device__ __forceinline__ void finish_strips(const LinearParams& p, const Roles& roles, int first_strip, float factor,
                                              const float (&partials)[kMaxWarps][kStripRows]) {
  const int slot = threadIdx.x / kStripRows, row = threadIdx.x % kStripRows;
  // Whole warps stay together for the shuffles below.
  if (slot >= (roles.n_slots + 1) / 2 * 2) return;
  float value = 0;
  if (slot < roles.n_slots)
    for (int q = 0; q < roles.n_parts; ++q) value += partials[q * roles.n_slots + slot][row];
  value *= factor;
  bool stores = slot < roles.n_slots && first_strip + slot < p.n_strips;
  if (p.glu) {
    // Slots alternate gate, up: the other one of the pair is 16 threads further.
    value = silu(value) * __shfl_down_sync(0xffffffffu, value, kStripRows);
    stores = stores && slot % 2 == 0;
  }
  int column = 0;
  if (stores) {
    const Strip& to = p.strips[first_strip + slot];
    column = to.first_column;
    if (row < to.n_rows) value = store_output(to, row, 0, value);
    if (row >= to.n_rows) value = 0;
  }
  if (p.emission.row.codes != nullptr) emit16(p.emission, column, value, stores);
}

template <Plane P, Plane...>
__device__ constexpr Plane first_plane() {
  return P;
}

template <Plane... Planes>
__device__ __forceinline__ void gemv(const LinearParams& p) {
  __shared__ float partials[2][kMaxWarps][kStripRows];
  constexpr bool kOnePlane = sizeof...(Planes) == 1;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const Roles roles = roles_of(p);
  const int stride = gridDim.x * roles.n_slots;
  int first_strip = blockIdx.x * roles.n_slots;
  const auto strip_of = [&](int first) {
    const Strip& s = p.strips[min(first + roles.slot, p.n_strips - 1)];
    return WeightStrip{s.tiles, s.plane};
  };
  pdl_launch_dependents();
  WeightStrip strip = strip_of(first_strip);
  GemvTile<first_plane<Planes...>()> tile;  // of the only plane, or unused
  if constexpr (kOnePlane) {
    tile.load(strip.tiles, min(roles.part, p.n_tiles - 1), p.k, lane);
  } else if (roles.part < p.n_tiles) {
    prefetch_tile(strip, roles.part);
  }
  pdl_wait();
  // Outputs are finished by the first threads: their warps need the factor.
  float factor = 1;
  if (p.n_squares > 0 && warp * 2 < roles.n_slots) factor = norm_factor(p);
  for (int turn = 0; first_strip < p.n_strips; ++turn, first_strip += stride) {
    float acc[2] = {};
    if constexpr (kOnePlane) {
      add_tiles<first_plane<Planes...>()>(tile, p, strip.tiles, roles.part, roles.n_parts, acc);
    } else {
      (run_plane<Planes>(p, strip, roles.part, roles.n_parts, acc), ...);
    }
    if (first_strip + stride < p.n_strips) {
      strip = strip_of(first_strip + stride);
      if constexpr (kOnePlane) tile.load(strip.tiles, min(roles.part, p.n_tiles - 1), p.k, lane);
    }
    store_partial(acc, partials[turn % 2][warp]);
    // One barrier a turn: the other table is free once all warps have passed this one.
    __syncthreads();
    finish_strips(p, roles, first_strip, factor, partials[turn % 2]);
  }
}

}  // namespace
}  // namespace dunlin::cuda

using dunlin::cuda::LinearParams;
using dunlin::cuda::Plane;

#define DUNLIN_GEMV(name, ...)                                                \
  extern "C" __global__ void __launch_bounds__(320, 2) name(LinearParams p) { \
    dunlin::cuda::gemv<__VA_ARGS__>(p);                                       \
  }

DUNLIN_GEMV(gemv_w4k, Plane::kW4K)
DUNLIN_GEMV(gemv_w6k, Plane::kW6K)
DUNLIN_GEMV(gemv_w5, Plane::kW5)
DUNLIN_GEMV(gemv_w8, Plane::kW8)
DUNLIN_GEMV(gemv_w4k_w6k, Plane::kW4K, Plane::kW6K)
DUNLIN_GEMV(gemv_w5_w8, Plane::kW5, Plane::kW8)
DUNLIN_GEMV(gemv_any, Plane::kW4K, Plane::kW5K, Plane::kW6K, Plane::kW4, Plane::kW5, Plane::kW8)
