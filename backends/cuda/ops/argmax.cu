// argmax: the index of each row's largest logit, the lowest of equals. Grid: (n_parts, rows). Block: 256.
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/device/row_params.h"

namespace dunlin::cuda {
namespace {

constexpr int kNotFinite = -1;

struct Best {
  float value;
  int32_t index;  // kNotFinite wins over all
};

__device__ __forceinline__ Best better(const Best& a, const Best& b) {
  if (a.index == kNotFinite || b.index == kNotFinite) return {0, kNotFinite};
  if (a.value != b.value) return a.value > b.value ? a : b;
  return a.index < b.index ? a : b;
}

__device__ __forceinline__ Best warp_best(Best best) {
  for (int step = 16; step > 0; step /= 2) {
    const Best other{__shfl_xor_sync(0xffffffffu, best.value, step),
                     __shfl_xor_sync(0xffffffffu, best.index, step)};
    best = better(best, other);
  }
  return best;
}

__device__ Best block_best(Best best) {
  __shared__ Best warps[8];
  best = warp_best(best);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = best;
  __syncthreads();
  best = warps[threadIdx.x % 8];
  __syncthreads();
  return warp_best(best);
}

}  // namespace
}  // namespace dunlin::cuda

extern "C" __global__ void __launch_bounds__(256) argmax(dunlin::cuda::ArgmaxParams p) {
  using namespace dunlin::cuda;
  pdl_launch_dependents();
  pdl_wait();
  const int row = blockIdx.y;
  if (row >= p.counts[p.count_index]) return;
  const float* logits = p.logits + int64_t(row) * p.n;
  constexpr int kNone = 0x7fffffff;
  Best best{-INFINITY, kNone};
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < p.n_valid; i += gridDim.x * blockDim.x) {
    const float v = __ldcg(logits + i);
    if (v == -INFINITY) continue;
    // Also NaN fails the comparison.
    best = better(best, v < INFINITY ? Best{v, i} : Best{0, kNotFinite});
  }
  best = block_best(best);
  __shared__ bool is_last;
  if (threadIdx.x == 0) {
    p.part_value[row * p.n_parts + blockIdx.x] = best.value;
    p.part_index[row * p.n_parts + blockIdx.x] = best.index;
    __threadfence();
    is_last = atomicAdd(p.arrived + row, 1u) == uint32_t(p.n_parts - 1);
  }
  __syncthreads();
  if (!is_last) return;
  __threadfence();
  best = {-INFINITY, kNone};
  for (int i = threadIdx.x; i < p.n_parts; i += blockDim.x)
    best = better(best,
                  {__ldcg(p.part_value + row * p.n_parts + i), __ldcg(p.part_index + row * p.n_parts + i)});
  best = block_best(best);
  if (threadIdx.x != 0) return;
  p.arrived[row] = 0;
  // Not one above -inf: nothing can be chosen.
  p.tokens[row] = best.index == kNone ? kNotFinite : best.index;
}
