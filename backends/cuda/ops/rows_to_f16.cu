// rows_to_f16: A of the prefill GEMM. y = x, or the RMS norm of x times its weight; a = half(y * 2^e),
// row_scale = 2^-e, e as device/row_scale.h has it. Memory sets the pace, so a row is read once and waits in
// registers.
//
// Grid: rows; block: a multiple of 32, at least ceil(padded_k / 32), at most 1024, fixed by k
// (a row's sum of squares depends on it).
#include <cuda_fp16.h>

#include "backends/cuda/device/gemm_params.h"
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/device/row_scale.h"

namespace dunlin::cuda {
namespace {

constexpr int kUnits = kToF16ThreadColumns / 4;

// Sum or maximum over the CTA, in an order that only the block size sets. All threads must call.
template <typename Combine>
__device__ float reduce_block(float v, Combine combine) {
  __shared__ float of_warp[32];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, n_warps = blockDim.x / 32;
#pragma unroll
  for (int step = 16; step > 0; step /= 2) v = combine(v, __shfl_xor_sync(0xffffffffu, v, step));
  __syncthreads();
  if (lane == 0) of_warp[warp] = v;
  __syncthreads();
  v = lane < n_warps ? of_warp[lane] : 0.0f;
#pragma unroll
  for (int step = 16; step > 0; step /= 2) v = combine(v, __shfl_xor_sync(0xffffffffu, v, step));
  return v;
}

// Four columns from `at`, zeros beyond k. aligned: all four may be loaded at once.
__device__ __forceinline__ float4 load4(const float* row, int at, int k, bool aligned) {
  if (aligned && at + 4 <= k) return *reinterpret_cast<const float4*>(row + at);
  return make_float4(at < k ? row[at] : 0.0f, at + 1 < k ? row[at + 1] : 0.0f,
                     at + 2 < k ? row[at + 2] : 0.0f, at + 3 < k ? row[at + 3] : 0.0f);
}

__device__ __forceinline__ uint2 to_halves(float4 v, float scale) {
  const __half2 low = __floats2half2_rn(v.x * scale, v.y * scale);
  const __half2 high = __floats2half2_rn(v.z * scale, v.w * scale);
  return make_uint2(*reinterpret_cast<const uint32_t*>(&low), *reinterpret_cast<const uint32_t*>(&high));
}

__device__ __forceinline__ bool aligned16(const void* p) {
  return reinterpret_cast<uint64_t>(p) % 16 == 0;
}

// y = x / rms(x) * weight.
__device__ __forceinline__ void norm_row(const RowsToF16Params& p, float4 (&v)[kUnits]) {
  float squares = 0;
#pragma unroll
  for (int u = 0; u < kUnits; ++u)
    squares += v[u].x * v[u].x + v[u].y * v[u].y + v[u].z * v[u].z + v[u].w * v[u].w;
  squares = reduce_block(squares, [](float a, float b) { return a + b; });
  const float factor = rsqrtf(squares / float(p.k) + p.norm_eps);
  const bool aligned = aligned16(p.norm_weight);
#pragma unroll
  for (int u = 0; u < kUnits; ++u) {
    const int at = 4 * (threadIdx.x + u * blockDim.x);
    if (at >= p.k) break;
    const float4 w = load4(p.norm_weight, at, p.k, aligned);
    v[u].x *= factor * w.x;
    v[u].y *= factor * w.y;
    v[u].z *= factor * w.z;
    v[u].w *= factor * w.w;
  }
}

}  // namespace
}  // namespace dunlin::cuda

extern "C" __global__ void __launch_bounds__(1024) rows_to_f16(dunlin::cuda::RowsToF16Params p) {
  using namespace dunlin::cuda;
  pdl_launch_dependents();
  pdl_wait();
  const int64_t row = blockIdx.x;
  if (row >= p.counts[p.count_index]) return;

  // 1. The row, into registers.
  const float* x = p.x + row * p.x_stride;
  const bool aligned = aligned16(x);
  float4 v[kUnits];
#pragma unroll
  for (int u = 0; u < kUnits; ++u) v[u] = load4(x, 4 * (threadIdx.x + u * blockDim.x), p.k, aligned);
  if (p.norm_weight != nullptr) norm_row(p, v);

  // 2. Its power of two.
  float peak = 0;
#pragma unroll
  for (int u = 0; u < kUnits; ++u)
    peak = fmaxf(fmaxf(peak, fmaxf(fabsf(v[u].x), fabsf(v[u].y))), fmaxf(fabsf(v[u].z), fabsf(v[u].w)));
  peak = reduce_block(peak, [](float a, float b) { return fmaxf(a, b); });
  const int exponent = row_scale_exponent(__float_as_uint(peak));
  if (threadIdx.x == 0) p.row_scale[row] = __uint_as_float(power_of_two_bits(-exponent));

  // 3. Halves.
  const float scale = __uint_as_float(power_of_two_bits(exponent));
  uint16_t* a = p.a + row * p.padded_k;
#pragma unroll
  for (int u = 0; u < kUnits; ++u) {
    const int at = 4 * (threadIdx.x + u * blockDim.x);
    if (at < p.padded_k) *reinterpret_cast<uint2*>(a + at) = to_halves(v[u], scale);
  }
}
