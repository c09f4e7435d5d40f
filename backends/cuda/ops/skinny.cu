// skinny_8 .. skinny_64: up to that many rows of quantized activations times quantized matrices; more rows in
// slabs, blockIdx.y. Warps share a strip's tiles as in gemv. A row's result depends on nothing but the row:
// the order of its sums is fixed by K and the launch shape, which is the plan's.
//
// Grid: (ceil(n_strips / strips_per_cta), slabs). Block: 32 * strips_per_cta * parts, at most 256. Dynamic
// shared memory: block / 32 * 16 * rows * 4 bytes.
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/device/silu.cuh"
#include "backends/cuda/ops/skinny_tiles.cuh"
#include "backends/cuda/ops/strip.cuh"

namespace dunlin::cuda {
namespace {

template <int NB>
__device__ __forceinline__ void store_partial(float* to, const Sums<NB>& acc, int lane) {
  const int g = lane / 4, t = lane % 4;
#pragma unroll
  for (int c = 0; c < NB; ++c) {
#pragma unroll
    for (int v = 0; v < 4; ++v) to[(8 * c + 2 * t + v % 2) * kStripRows + g + 8 * (v / 2)] = acc[c][v];
  }
}

// partials: [part][slot][row of the slab][row of the strip].
template <int NB>
__device__ __forceinline__ float sum_parts(const float* partials, int slot, int n_slots, int n_parts,
                                           int at) {
  constexpr int kSize = NB * 8 * kStripRows;
  float sum = 0;
  for (int q = 0; q < n_parts; ++q) sum += partials[(q * n_slots + slot) * kSize + at];
  return sum;
}

template <int NB>
__device__ __forceinline__ void skinny(const LinearParams& p) {
  extern __shared__ __align__(16) float partials[];
  constexpr int kRows = NB * 8, kSize = kRows * kStripRows;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int n_slots = p.strips_per_cta, n_parts = blockDim.x / 32 / n_slots;
  const int slot = warp % n_slots, part = warp / n_slots;
  const int first_strip = blockIdx.x * n_slots, first_row = blockIdx.y * kRows;
  pdl_launch_dependents();
  pdl_wait();
  const int n_rows = p.counts[p.count_index] - first_row;
  if (n_rows <= 0) return;
  Sums<NB> acc = {};
  if (first_strip + slot < p.n_strips) {
    const StripRef strip = strip_ref(p, first_strip + slot);
    const Plane plane = p.segments[strip.segment].plane;
    const uint8_t* tiles = strip_tiles(p, strip);
    for (int i = part; i < p.n_tiles; i += n_parts)
      add_tile<NB>(plane, tiles, p.rows, blockIdx.y * NB, p.n_tiles, i, p.k, lane, acc);
  }
  store_partial<NB>(partials + warp * kSize, acc, lane);
  __syncthreads();
  const int step = p.glu ? 2 : 1;
  for (int at = threadIdx.x; at < kSize * n_slots / step; at += blockDim.x) {
    const int out_slot = at / kSize * step, row = at % kStripRows, m = at % kSize / kStripRows;
    if (first_strip + out_slot >= p.n_strips || m >= n_rows) continue;
    float value = sum_parts<NB>(partials, out_slot, n_slots, n_parts, at % kSize);
    if (p.glu) value = silu(value) * sum_parts<NB>(partials, out_slot + 1, n_slots, n_parts, at % kSize);
    const StripRef ref = strip_ref(p, first_strip + out_slot);
    const LinearSegment& to = p.segments[p.glu ? 0 : ref.segment];
    const int column = ref.row + row;
    if (column >= to.n) continue;
    const int64_t out = int64_t(first_row + m) * to.n + column;
    if (to.bias != nullptr) value += to.bias[column];
    if (to.residual != nullptr) value += to.residual[out];
    to.out[out] = value;
  }
}

}  // namespace
}  // namespace dunlin::cuda

#define DUNLIN_SKINNY(rows, groups, ctas)                                                               \
  extern "C" __global__ void __launch_bounds__(256, ctas) skinny_##rows(dunlin::cuda::LinearParams p) { \
    dunlin::cuda::skinny<groups>(p);                                                                    \
  }

DUNLIN_SKINNY(8, 1, 3)
DUNLIN_SKINNY(16, 2, 2)
DUNLIN_SKINNY(32, 4, 2)
DUNLIN_SKINNY(64, 8, 1)
