// gemm_mma: many rows of quantized activations times quantized matrices, on packed weights; the prefill of
// devices without wgmma, whose integer mma has two to four times the rate of halves with f32 sums.
//
// A CTA makes 128 outputs, 8 strips, of 64 step rows; each of its 4 warps those of two strips, so that what
// it unpacks meets 8 groups of rows, and what it reads of a row meets two strips. That takes all registers of
// a thread, and two CTAs fill an SM; with half of it a warp, and twice the warps, 7B's gate and up took 415
// us instead of 353 (H200, 512 rows). Weights, as they are packed, and rows come through two stages in shared
// memory (device/gemm_mma_stage.h). CTAs that share strips follow one another, so that weights come from
// memory once.
//
// A row's result depends on nothing but the row: its sums run over K in order.
//
// Grid: tiles of rows times tiles of outputs. Block: 128. Dynamic shared memory: two stages of the largest of
// the planes.
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/device/silu.cuh"
#include "backends/cuda/ops/gemm_mma_stage.cuh"
#include "backends/cuda/ops/gemm_mma_tiles.cuh"
#include "backends/cuda/ops/strip.cuh"

namespace dunlin::cuda {
namespace {

// What was asked for is here, for all warps; and nobody reads the other stage any more.
__device__ __forceinline__ void await_stage() {
  cp_async_wait<0>();
  __syncthreads();
}

template <Plane P>
__device__ __forceinline__ void multiply(const LinearParams& p, GemmPlace place, int first_group,
                                         GemmSums& sums) {
  extern __shared__ __align__(128) uint8_t shared[];
  constexpr GemmStage kStage = gemm_stage(P);
  uint8_t* const other = shared + kStage.bytes();
  const int warp = threadIdx.x / kLanes, lane = threadIdx.x % kLanes;
  const StageView<P> first{shared, warp, lane}, second{other, warp, lane};
  const int n_tiles = (p.k + plane_info(P).tile_k - 1) / plane_info(P).tile_k;
  GemmSource<P> source(p, place, first_group, warp, lane);
  source.template copy<0>(shared);
  if constexpr (kStage.n_of_tile == 1) {
    for (int i = 0; i < n_tiles; i += 2) {
      await_stage();
      source.next_tile();
      if (i + 1 < n_tiles) source.template copy<0>(other);
      multiply_32<P, 0>(first, sums);
      if (i + 1 == n_tiles) break;
      await_stage();
      source.next_tile();
      if (i + 2 < n_tiles) source.template copy<0>(shared);
      multiply_32<P, 0>(second, sums);
    }
  } else {
    for (int i = 0; i < n_tiles; ++i) {
      await_stage();
      source.template copy<1>(other);
      source.next_tile();
      GemmDots dots;
      if constexpr (reads_a256(P)) {
        multiply_half<P, 0>(first, dots);
      } else {
        multiply_32<P, 0>(first, sums);
      }
      await_stage();
      if (i + 1 < n_tiles) source.template copy<0>(shared);
      if constexpr (reads_a256(P)) {
        multiply_half<P, 1>(second, dots);
        add_tile_dots<P>(second, dots, sums);
      } else {
        multiply_32<P, 1>(second, sums);
      }
    }
  }
}

// A store is of 8 neighbouring outputs of 4 rows: whole sectors.
__device__ __forceinline__ void store_strip(const LinearSegment& to, int strip, int first_row, int n_rows,
                                            const float (&sums)[kGemmGroups][4]) {
  const int lane = threadIdx.x % kLanes;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int column = strip * kStripRows + lane / 4 + 8 * half;
    if (column >= to.n) continue;
    const float bias = to.bias != nullptr ? to.bias[column] : 0.0f;
#pragma unroll
    for (int c = 0; c < kGemmGroups; ++c) {
#pragma unroll
      for (int v = 0; v < 2; ++v) {
        const int m = first_row + 8 * c + lane % 4 * 2 + v;
        if (m >= n_rows) continue;
        const int64_t at = int64_t(m) * to.n + column;
        float value = sums[c][2 * half + v] + bias;
        if (to.residual != nullptr) value += to.residual[at];
        to.out[at] = value;
      }
    }
  }
}

__device__ __forceinline__ void store(const LinearParams& p, GemmPlace place, int first_row, int n_rows,
                                      GemmSums& sums) {
  const int warp = threadIdx.x / kLanes;
  const LinearSegment& to = p.segments[place.segment];
  if (!p.glu) {
#pragma unroll
    for (int s = 0; s < 2; ++s) store_strip(to, place.strip + 2 * warp + s, first_row, n_rows, sums[s]);
    return;
  }
#pragma unroll
  for (int c = 0; c < kGemmGroups; ++c) {
#pragma unroll
    for (int v = 0; v < 4; ++v) sums[0][c][v] = silu(sums[0][c][v]) * sums[1][c][v];
  }
  store_strip(to, place.strip + warp, first_row, n_rows, sums[0]);
}

// A function of its own for each plane: together they would share one set of registers, and spill.
template <Plane P>
__device__ __noinline__ void gemm_tile(const LinearParams& p, GemmPlace place, int first_row, int n_rows) {
  GemmSums sums = {};
  multiply<P>(p, place, first_row / kGroupRows, sums);
  store(p, place, first_row, n_rows, sums);
}

}  // namespace
}  // namespace dunlin::cuda

extern "C" __global__ void __launch_bounds__(dunlin::cuda::kGemmThreads, 2)
    gemm_mma(const __grid_constant__ dunlin::cuda::LinearParams p) {
  using namespace dunlin::cuda;
  pdl_launch_dependents();
  pdl_wait();
  const int n_rows = p.counts[p.count_index], first_row = blockIdx.x % p.n_row_tiles * kGemmRows;
  if (first_row >= n_rows) return;
  const GemmPlace place = gemm_place(p, blockIdx.x / p.n_row_tiles);
  switch (p.segments[place.segment].plane) {
    case Plane::kW4K:
      return gemm_tile<Plane::kW4K>(p, place, first_row, n_rows);
    case Plane::kW5K:
      return gemm_tile<Plane::kW5K>(p, place, first_row, n_rows);
    case Plane::kW6K:
      return gemm_tile<Plane::kW6K>(p, place, first_row, n_rows);
    case Plane::kW4:
      return gemm_tile<Plane::kW4>(p, place, first_row, n_rows);
    case Plane::kW5:
      return gemm_tile<Plane::kW5>(p, place, first_row, n_rows);
    default:
      return gemm_tile<Plane::kW8>(p, place, first_row, n_rows);
  }
}
