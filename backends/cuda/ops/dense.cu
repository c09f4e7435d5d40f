// dense_*: f32 rows times F16, BF16 or F32 weights, f32 throughout: a warp an output row, up to 8 step rows
// at a time. Memory sets the pace for few rows; for many, a GEMM should have been chosen. Grid: (ceil(n / 8),
// ceil(rows / 8)). Block: 256.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/device/row_params.h"

namespace dunlin::cuda {
namespace {

constexpr int kRowsAtATime = 8;

__device__ __forceinline__ float to_float(float v) {
  return v;
}
__device__ __forceinline__ float to_float(__half v) {
  return __half2float(v);
}
__device__ __forceinline__ float to_float(__nv_bfloat16 v) {
  return __bfloat162float(v);
}

// Four neighbours as f32; p is aligned to four elements.
template <typename T>
__device__ __forceinline__ void load4(const T* p, float (&v)[4]) {
  struct alignas(4 * sizeof(T)) Four {
    T e[4];
  };
  const Four four = *reinterpret_cast<const Four*>(p);
#pragma unroll
  for (int e = 0; e < 4; ++e) v[e] = to_float(four.e[e]);
}

template <typename T>
__device__ void dense(const DenseParams& p) {
  pdl_launch_dependents();
  pdl_wait();
  const int64_t n = int64_t(blockIdx.x) * 8 + threadIdx.x / 32, k = p.weight.k;
  const int first = blockIdx.y * kRowsAtATime, lane = threadIdx.x % 32;
  const int n_rows = min(kRowsAtATime, p.counts[p.count_index] - first);
  if (n >= p.weight.n || n_rows <= 0) return;
  const T* w = reinterpret_cast<const T*>(p.weight.data) + n * k;
  float sums[kRowsAtATime] = {};
  const int64_t vector_k = k % 4 == 0 ? k : 0;
  for (int64_t i = 4 * lane; i < vector_k; i += 128) {
    float weights[4];
    load4(w + i, weights);
#pragma unroll
    for (int m = 0; m < kRowsAtATime; ++m) {
      if (m >= n_rows) break;
      const float4 x = *reinterpret_cast<const float4*>(p.x + (first + m) * k + i);
      sums[m] += weights[0] * x.x + weights[1] * x.y + weights[2] * x.z + weights[3] * x.w;
    }
  }
  for (int64_t i = vector_k + lane; i < k; i += 32) {
    const float weight = to_float(w[i]);
#pragma unroll
    for (int m = 0; m < kRowsAtATime; ++m)
      if (m < n_rows) sums[m] += weight * p.x[(first + m) * k + i];
  }
#pragma unroll
  for (int m = 0; m < kRowsAtATime; ++m) {
    float sum = sums[m];
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    if (lane != 0 || m >= n_rows) continue;
    const int64_t at = (first + m) * p.weight.n + n;
    if (p.bias != nullptr) sum += p.bias[n];
    if (p.residual != nullptr) sum += p.residual[at];
    p.out[at] = sum;
  }
}

}  // namespace
}  // namespace dunlin::cuda

extern "C" __global__ void __launch_bounds__(256) dense_f16(dunlin::cuda::DenseParams p) {
  dunlin::cuda::dense<__half>(p);
}
extern "C" __global__ void __launch_bounds__(256) dense_bf16(dunlin::cuda::DenseParams p) {
  dunlin::cuda::dense<__nv_bfloat16>(p);
}
extern "C" __global__ void __launch_bounds__(256) dense_f32(dunlin::cuda::DenseParams p) {
  dunlin::cuda::dense<float>(p);
}
