// The ops that work on rows of f32 and have no matrix. In the fused plan most of them live inside their
// neighbours; these are the plain forms. Grid: (rows of the capacity, parts). Block: 256.
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/device/row_params.h"
#include "backends/cuda/device/silu.cuh"
#include "backends/cuda/ops/turn.cuh"

namespace dunlin::cuda {
namespace {

__device__ __forceinline__ bool enter(const RowParams& p) {
  pdl_launch_dependents();
  pdl_wait();
  return int(blockIdx.x) < p.counts[p.count_index];
}

// f(i) for the columns of this row.
template <typename F>
__device__ __forceinline__ void for_columns(const RowParams& p, F f) {
  for (int i = blockIdx.y * blockDim.x + threadIdx.x; i < p.width; i += gridDim.y * blockDim.x) f(i);
}

}  // namespace
}  // namespace dunlin::cuda

using dunlin::cuda::RowParams;

extern "C" __global__ void __launch_bounds__(256) rows_add(RowParams p) {
  if (!dunlin::cuda::enter(p)) return;
  const int64_t row = int64_t(blockIdx.x) * p.width;
  dunlin::cuda::for_columns(p, [&](int i) { p.out[row + i] = p.a[row + i] + p.b[row + i]; });
}

extern "C" __global__ void __launch_bounds__(256) rows_glu(RowParams p) {
  if (!dunlin::cuda::enter(p)) return;
  const int64_t row = int64_t(blockIdx.x) * p.width;
  dunlin::cuda::for_columns(p,
                            [&](int i) { p.out[row + i] = dunlin::cuda::silu(p.a[row + i]) * p.b[row + i]; });
}

extern "C" __global__ void __launch_bounds__(256) rows_gather(RowParams p) {
  if (!dunlin::cuda::enter(p)) return;
  const int64_t from = int64_t(p.index[blockIdx.x]) * p.width, to = int64_t(blockIdx.x) * p.width;
  dunlin::cuda::for_columns(p, [&](int i) { p.out[to + i] = p.a[from + i]; });
}

// A warp a group. May run in place.
extern "C" __global__ void __launch_bounds__(256) rows_rms_norm(RowParams p) {
  if (!dunlin::cuda::enter(p)) return;
  const int lane = threadIdx.x % 32, n_groups = p.width / p.group;
  for (int group = blockIdx.y * 8 + threadIdx.x / 32; group < n_groups; group += gridDim.y * 8) {
    const int64_t at = int64_t(blockIdx.x) * p.width + group * p.group;
    float squares = 0;
    for (int i = lane; i < p.group; i += 32) squares += p.a[at + i] * p.a[at + i];
    for (int step = 16; step > 0; step /= 2) squares += __shfl_xor_sync(0xffffffffu, squares, step);
    const float factor = rsqrtf(squares / float(p.group) + p.eps);
    for (int i = lane; i < p.group; i += 32) p.out[at + i] = p.a[at + i] * factor * p.b[i];
  }
}

// A thread a pair; the rest of the head passes. May run in place.
extern "C" __global__ void __launch_bounds__(256) rows_rope(RowParams p) {
  if (!dunlin::cuda::enter(p)) return;
  const int32_t position = p.index[blockIdx.x];
  const int half = p.n_rot / 2, per_head = p.group - half, n = p.width / p.group * per_head;
  for (int i = blockIdx.y * blockDim.x + threadIdx.x; i < n; i += gridDim.y * blockDim.x) {
    const int64_t head = int64_t(blockIdx.x) * p.width + i / per_head * p.group;
    const int d = i % per_head;
    if (d >= half) {
      p.out[head + half + d] = p.a[head + half + d];
      continue;
    }
    const float2 cos_sin = dunlin::cuda::turn(position, p.b[d], p.magnitude);
    const float low = p.a[head + d], high = p.a[head + half + d];
    p.out[head + d] = low * cos_sin.x - high * cos_sin.y;
    p.out[head + half + d] = high * cos_sin.x + low * cos_sin.y;
  }
}
