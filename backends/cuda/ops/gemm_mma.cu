// gemm_mma_64, gemm_mma_128: many rows of quantized activations times quantized matrices, on packed weights;
// the prefill of devices without wgmma, where integer mma runs at two to four times the rate of halves with
// f32 sums.
//
// A CTA makes 128 outputs, 8 strips, of 64 or 128 step rows; a warp those of a strip and 64 rows: what it
// unpacks meets 8 groups of rows, and registers suffice for 16 warps an SM. Weights, as they are packed, and
// rows come through a ring of stages of 128 columns of K (device/gemm_mma_stage.h). CTAs that share strips
// follow one another, so that weights come from memory once.
//
// A row's result depends on nothing but the row: its sums run over K in order.
//
// Grid: tiles of rows times tiles of outputs. Block: 256 or 512. Dynamic shared memory: n_stages stages.
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/ops/gemm_mma_stage.cuh"
#include "backends/cuda/ops/gemm_mma_tiles.cuh"
#include "backends/cuda/ops/strip.cuh"

namespace dunlin::cuda {
namespace {

// Lets the oldest stage arrive, for all warps.
__device__ __forceinline__ void await_stage(int n_stages) {
  if (n_stages == 2) {
    cp_async_wait<0>();
  } else if (n_stages == 3) {
    cp_async_wait<1>();
  } else {
    cp_async_wait<2>();
  }
  __syncthreads();
}

// Stages in turn: one is read while the others are on their way.
template <Plane P, typename T>
class GemmRing {
 public:
  __device__ __forceinline__ GemmRing(uint8_t* shared, const GemmSource<P, T>& source, int n_stages,
                                      int n_steps)
      : source_(source), shared_(shared), n_stages_(n_stages), n_steps_(n_steps) {
    for (int i = 0; i < n_stages - 1; ++i) source_.copy(shared_ + i * kBytes, i, n_steps);
  }
  // The next stage, and the copy of the one that takes the place of the last.
  __device__ __forceinline__ const uint8_t* next() {
    await_stage(n_stages_);
    const int last = at_ == 0 ? n_stages_ - 1 : at_ - 1;
    source_.copy(shared_ + last * kBytes, step_ + n_stages_ - 1, n_steps_);
    const uint8_t* stage = shared_ + at_ * kBytes;
    at_ = at_ + 1 == n_stages_ ? 0 : at_ + 1;
    ++step_;
    return stage;
  }

 private:
  static constexpr int kBytes = gemm_mma_stage_bytes(P, T::kRows);
  const GemmSource<P, T>& source_;
  uint8_t* shared_;
  int n_stages_, n_steps_, at_ = 0, step_ = 0;
};

template <Plane P, typename T>
__device__ __forceinline__ void multiply(const LinearParams& p, GemmPlace place, int first_group,
                                         GemmSums& sums) {
  extern __shared__ __align__(128) uint8_t shared[];
  constexpr int kStripBytes = strip_stage(P).bytes();
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int strip = warp % kGemmStrips, group = warp / kGemmStrips * kGemmWarpGroups;
  const auto part_of = [&](const uint8_t* stage) {
    const uint8_t* codes = stage + kGemmStrips * kStripBytes;
    return WarpStage{stage + strip * kStripBytes, codes + group * kGroupCodeBytes,
                     codes + T::kGroups * kGroupCodeBytes + group * group_scale_bytes(P)};
  };
  const GemmSource<P, T> source(p, place, first_group, warp, lane);
  if constexpr (plane_info(P).tile_k == kTileK) {
    GemmRing<P, T> ring(shared, source, p.n_stages, 2 * p.n_tiles);
    GemmDots dots;
    for (int i = 0; i < p.n_tiles; ++i) {
      multiply_half<P, 0>(part_of(ring.next()), lane, dots);
      const WarpStage second = part_of(ring.next());
      multiply_half<P, 1>(second, lane, dots);
      add_tile_dots<P>(second, lane, dots, sums);
    }
  } else {
    const int n_steps = (p.k + kStageK - 1) / kStageK;
    GemmRing<P, T> ring(shared, source, p.n_stages, n_steps);
    for (int i = 0; i < n_steps; ++i) multiply_tile_32<P>(part_of(ring.next()), lane, sums);
  }
}

// Gate times up: neighbouring warps have them, up's sums go to gate's warp through shared memory.
__device__ __forceinline__ void combine_glu(GemmSums& sums) {
  extern __shared__ __align__(128) uint8_t shared[];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float4* ups = reinterpret_cast<float4*>(shared) + warp / 2 * kGemmWarpGroups * kLanes + lane;
  __syncthreads();  // all stages have been read
  if (warp % 2 == 1) {
#pragma unroll
    for (int c = 0; c < kGemmWarpGroups; ++c)
      ups[c * kLanes] = make_float4(sums[c][0], sums[c][1], sums[c][2], sums[c][3]);
  }
  __syncthreads();
  if (warp % 2 == 1) return;
#pragma unroll
  for (int c = 0; c < kGemmWarpGroups; ++c) {
    const float4 up = ups[c * kLanes];
    sums[c][0] = silu(sums[c][0]) * up.x;
    sums[c][1] = silu(sums[c][1]) * up.y;
    sums[c][2] = silu(sums[c][2]) * up.z;
    sums[c][3] = silu(sums[c][3]) * up.w;
  }
}

// A store is of 8 neighbouring outputs of 4 rows: whole sectors.
__device__ __forceinline__ void store(const LinearParams& p, GemmPlace place, int first_row, int n_rows,
                                      GemmSums& sums) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, i = warp % kGemmStrips;
  if (p.glu && i % 2 == 1) return;
  const LinearSegment& to = p.segments[place.segment];
  const int strip = place.strip + (p.glu ? i / 2 : i);
  const int row = first_row + warp / kGemmStrips * kGemmWarpGroups * kGroupRows + lane % 4 * 2;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int column = strip * kStripRows + lane / 4 + 8 * half;
    if (column >= to.n) continue;
    const float bias = to.bias != nullptr ? to.bias[column] : 0.0f;
#pragma unroll
    for (int c = 0; c < kGemmWarpGroups; ++c) {
#pragma unroll
      for (int v = 0; v < 2; ++v) {
        const int m = row + 8 * c + v;
        if (m >= n_rows) continue;
        const int64_t at = int64_t(m) * to.n + column;
        float value = sums[c][2 * half + v] + bias;
        if (to.residual != nullptr) value += to.residual[at];
        to.out[at] = value;
      }
    }
  }
}

template <typename T>
__device__ __forceinline__ void gemm_mma(const LinearParams& p) {
  pdl_launch_dependents();
  pdl_wait();
  const int n_rows = p.counts[p.count_index], n_row_tiles = p.n_row_tiles;
  const int first_row = blockIdx.x % n_row_tiles * T::kRows;
  if (first_row >= n_rows) return;
  const GemmPlace place = gemm_place(p, blockIdx.x / n_row_tiles);
  const int first_group = first_row / kGroupRows;
  GemmSums sums = {};
  switch (p.segments[place.segment].plane) {
    case Plane::kW4K:
      multiply<Plane::kW4K, T>(p, place, first_group, sums);
      break;
    case Plane::kW5K:
      multiply<Plane::kW5K, T>(p, place, first_group, sums);
      break;
    case Plane::kW6K:
      multiply<Plane::kW6K, T>(p, place, first_group, sums);
      break;
    case Plane::kW4:
      multiply<Plane::kW4, T>(p, place, first_group, sums);
      break;
    case Plane::kW5:
      multiply<Plane::kW5, T>(p, place, first_group, sums);
      break;
    default:
      multiply<Plane::kW8, T>(p, place, first_group, sums);
      break;
  }
  if (p.glu) combine_glu(sums);
  store(p, place, first_row, n_rows, sums);
}

}  // namespace
}  // namespace dunlin::cuda

#define DUNLIN_GEMM_MMA(rows, ctas)                                                        \
  extern "C" __global__ void __launch_bounds__(dunlin::cuda::gemm_mma_threads(rows), ctas) \
      gemm_mma_##rows(dunlin::cuda::LinearParams p) {                                      \
    dunlin::cuda::gemm_mma<dunlin::cuda::GemmTiling<rows>>(p);                             \
  }

DUNLIN_GEMM_MMA(64, 2)
DUNLIN_GEMM_MMA(128, 1)
