// gemv: one row of activations times quantized matrices. A CTA takes strips_per_cta strips at a time; its warps
// share each strip's tiles (warp w: strip w % strips_per_cta, every n_parts-th tile from w / strips_per_cta), so the
// order of every sum is fixed. Every CTA norms and quantizes the row for itself, while its first weights are
// on their way.
//
// Grid: any, at most ceil(n_strips / strips_per_cta). Block: 32 * strips_per_cta * parts. Dynamic shared memory:
// gemv_shared_bytes().
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/ops/gemv_tiles.cuh"
#include "backends/cuda/ops/linear_epilogue.cuh"
#include "backends/cuda/ops/quantize8.cuh"

namespace dunlin::cuda {
namespace {

constexpr int kMaxWarps = 12;

struct RowScratch {
  uint32_t* codes256;
  float* scales256;
  int32_t* sums256;
  uint32_t* codes32;
  float* scales32;
};

// The caller sized shared memory by the same arithmetic (launch side: gemv_shared_bytes).
__device__ RowScratch divide_shared(uint8_t* shared, const LinearParams& p) {
  RowScratch s{};
  uint8_t* at = shared;
  if (p.needs & 1) {
    s.codes256 = reinterpret_cast<uint32_t*>(at);
    at += p.n_tiles * 256;
    s.sums256 = reinterpret_cast<int32_t*>(at);
    at += p.n_tiles * 32;
    s.scales256 = reinterpret_cast<float*>(at);
    at += (p.n_tiles * 4 + 15) / 16 * 16;
  }
  if (p.needs & 2) {
    s.codes32 = reinterpret_cast<uint32_t*>(at);
    at += p.n_tiles * 256;
    s.scales32 = reinterpret_cast<float*>(at);
  }
  return s;
}

// Quantizes the row into shared memory and returns this thread's part of the sum of squares. The norm's
// factor is one number for the row, so it waits for the output.
__device__ float quantize_row(const LinearParams& p, const RowScratch& s) {
  const int lane = threadIdx.x % 32;
  float squares = 0;
  for (int tile = threadIdx.x / 32; tile < p.n_tiles; tile += blockDim.x / 32) {
    float v[8];
    load_row8(p.x, p.norm_weight, p.k, tile * 256 + lane * 8, v, squares);
    const float peak = peak8(v);
    if (p.needs & 1) {
      const float tile_peak = warp_max(peak, 16);
      int32_t sum;
      const uint2 words = quantize8(v, inverse_scale(tile_peak), sum);
      *reinterpret_cast<uint2*>(s.codes256 + tile * 64 + lane * 2) = words;
      sum = quad_sum(sum);
      if (lane % 4 == 0) s.sums256[tile * 8 + lane / 4] = sum;
      if (lane == 0) s.scales256[tile] = tile_peak / 127.0f;
    }
    if (p.needs & 2) {
      const float block_peak = warp_max(peak, 2);
      int32_t sum;
      const uint2 words = quantize8(v, inverse_scale(block_peak), sum);
      *reinterpret_cast<uint2*>(s.codes32 + tile * 64 + lane * 2) = words;
      if (lane % 4 == 0) s.scales32[tile * 8 + lane / 4] = block_peak / 127.0f;
    }
  }
  return squares;
}

template <Plane P>
__device__ __forceinline__ RowCodes codes_for(const RowScratch& s) {
  if constexpr (plane_info(P).tile_k == 256) return {s.codes256, s.scales256, s.sums256};
  return {s.codes32, s.scales32, nullptr};
}

// The part of a Strip that the sums need: few registers.
struct WeightStrip {
  const uint8_t* tiles;
  Plane plane;
};

// Planes whose next tile fits into registers beside the one in use (two CTAs of 384 threads: 80 each).
template <Plane P>
inline constexpr bool kDoubleBuffered = P == Plane::kW4K || P == Plane::kW4 || P == Plane::kW5;

// A warp's tiles; the first is loaded already.
template <Plane P>
__device__ __forceinline__ void add_tiles(GemvTile<P>& tile, const LinearParams& p, const uint8_t* tiles,
                                          const RowScratch& s, int part, int n_parts, float (&acc)[2]) {
  const int lane = threadIdx.x % 32;
  const RowCodes x = codes_for<P>(s);
  for (int i = part; i < p.n_tiles; i += n_parts) {
    const bool more = i + n_parts < p.n_tiles;
    if constexpr (kDoubleBuffered<P>) {
      GemvTile<P> next;
      if (more) next.load(tiles, i + n_parts, p.k, lane);
      tile.add(x, i, lane, acc);
      if (more) tile = next;
    } else {
      tile.add(x, i, lane, acc);
      if (more) tile.load(tiles, i + n_parts, p.k, lane);
    }
  }
}

// The same for kernels of several planes, which have no registers for a second tile: other warps cover.
template <Plane P>
__device__ __forceinline__ void run_plane(const LinearParams& p, const WeightStrip& strip, const RowScratch& s,
                                          int part, int n_parts, float (&acc)[2]) {
  if (strip.plane != P) return;
  const RowCodes x = codes_for<P>(s);
  for (int i = part; i < p.n_tiles; i += n_parts) {
    GemvTile<P> tile;
    tile.load(strip.tiles, i, p.k, threadIdx.x % 32);
    tile.add(x, i, threadIdx.x % 32, acc);
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

// Thread 16 * slot + row finishes that output: the warps' sums in order, the norm's factor, the epilogue.
__device__ __forceinline__ void finish_strips(const LinearParams& p, const Roles& roles, int first_strip, float factor,
                                              const float (&partials)[kMaxWarps][kStripRows]) {
  const int slot = threadIdx.x / kStripRows, row = threadIdx.x % kStripRows;
  // Whole warps stay together for the shuffle below.
  if (slot >= (roles.n_slots + 1) / 2 * 2) return;
  float sum = 0;
  if (slot < roles.n_slots)
    for (int q = 0; q < roles.n_parts; ++q) sum += partials[q * roles.n_slots + slot][row];
  sum *= factor;
  if (p.glu) {
    // Slots alternate gate, up: the other one of the pair is 16 threads further.
    const float up = __shfl_down_sync(0xffffffffu, sum, kStripRows);
    sum = silu(sum) * up;
    if (slot % 2 != 0) return;
  }
  if (slot >= roles.n_slots || first_strip + slot >= p.n_strips) return;
  const Strip& to = p.strips[first_strip + slot];
  if (row < to.n_rows) store_output(to, row, 0, sum);
}

template <Plane P, Plane...>
__device__ constexpr Plane first_plane() {
  return P;
}

template <Plane... Planes>
__device__ __forceinline__ void gemv(const LinearParams& p) {
  extern __shared__ __align__(16) uint8_t shared[];
  __shared__ float partials[2][kMaxWarps][kStripRows];
  __shared__ float square_parts[kMaxWarps];
  constexpr bool kOnePlane = sizeof...(Planes) == 1;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const Roles roles = roles_of(p);
  const RowScratch scratch = divide_shared(shared, p);
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
  const float squares = warp_sum(quantize_row(p, scratch));
  if (lane == 0) square_parts[warp] = squares;
  __syncthreads();
  float factor = 1;
  if (p.norm_weight != nullptr) {
    float sum = 0;
    for (int w = 0; w < int(blockDim.x) / 32; ++w) sum += square_parts[w];
    factor = rsqrtf(sum / float(p.k) + p.norm_eps);
  }
  for (int turn = 0; first_strip < p.n_strips; ++turn, first_strip += stride) {
    float acc[2] = {};
    if constexpr (kOnePlane) {
      add_tiles<first_plane<Planes...>()>(tile, p, strip.tiles, scratch, roles.part, roles.n_parts, acc);
    } else {
      (run_plane<Planes>(p, strip, scratch, roles.part, roles.n_parts, acc), ...);
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

#define DUNLIN_GEMV(name, ...)                                             \
  extern "C" __global__ void __launch_bounds__(384, 2) name(LinearParams p) { \
    dunlin::cuda::gemv<__VA_ARGS__>(p);                                    \
  }

DUNLIN_GEMV(gemv_w4k, Plane::kW4K)
DUNLIN_GEMV(gemv_w6k, Plane::kW6K)
DUNLIN_GEMV(gemv_w5, Plane::kW5)
DUNLIN_GEMV(gemv_w8, Plane::kW8)
DUNLIN_GEMV(gemv_w4k_w6k, Plane::kW4K, Plane::kW6K)
DUNLIN_GEMV(gemv_w5_w8, Plane::kW5, Plane::kW8)
DUNLIN_GEMV(gemv_any, Plane::kW4K, Plane::kW5K, Plane::kW6K, Plane::kW4, Plane::kW5, Plane::kW8)
