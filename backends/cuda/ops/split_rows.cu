// split_rows_f16, split_rows_bf16: device/dense_gemm_params.h. Grid: rows of the capacity. Block: 256.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "backends/cuda/device/dense_gemm_params.h"
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/device/row_scale.h"
#include "backends/cuda/ops/quantize8.cuh"

namespace dunlin::cuda {
namespace {

struct Halves {
  static constexpr bool kScaled = true;
  static __device__ __forceinline__ uint16_t round(float v) { return __half_as_ushort(__float2half_rn(v)); }
  static __device__ __forceinline__ float value(uint16_t bits) {
    return __half2float(__ushort_as_half(bits));
  }
};
struct Bfloats {
  static constexpr bool kScaled = false;  // as wide as f32
  static __device__ __forceinline__ uint16_t round(float v) {
    return __bfloat16_as_ushort(__float2bfloat16_rn(v));
  }
  static __device__ __forceinline__ float value(uint16_t bits) {
    return __bfloat162float(__ushort_as_bfloat16(bits));
  }
};

// The row's largest absolute value, for all threads.
__device__ float row_peak(const float* x, int k) {
  __shared__ float parts[8];
  float peak = 0;
  for (int i = threadIdx.x; i < k; i += blockDim.x) peak = fmaxf(peak, fabsf(__ldcg(x + i)));
  peak = warp_max(peak, 16);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = peak;
  __syncthreads();
  for (const float p : parts) peak = fmaxf(peak, p);
  return peak;
}

template <typename Format>
__device__ __forceinline__ void split_row(const SplitRowsParams& p) {
  pdl_launch_dependents();
  pdl_wait();
  const int64_t row = blockIdx.x;
  if (row >= p.counts[p.count_index]) return;
  const float* x = p.x + row * p.k;
  const int exponent = Format::kScaled ? row_scale_exponent(__float_as_uint(row_peak(x, p.k))) : 0;
  const float scale = __uint_as_float(power_of_two_bits(exponent));
  if (threadIdx.x == 0) p.row_scale[row] = __uint_as_float(power_of_two_bits(-exponent));
  uint16_t* high = p.parts + row * 2 * p.padded_k;
  for (int i = threadIdx.x; i < p.padded_k; i += blockDim.x) {
    const float v = i < p.k ? __ldcg(x + i) * scale : 0.0f;
    const uint16_t nearest = Format::round(v);
    high[i] = nearest;
    high[p.padded_k + i] = Format::round(v - Format::value(nearest));
  }
}

}  // namespace
}  // namespace dunlin::cuda

extern "C" __global__ void __launch_bounds__(256) split_rows_f16(dunlin::cuda::SplitRowsParams p) {
  dunlin::cuda::split_row<dunlin::cuda::Halves>(p);
}
extern "C" __global__ void __launch_bounds__(256) split_rows_bf16(dunlin::cuda::SplitRowsParams p) {
  dunlin::cuda::split_row<dunlin::cuda::Bfloats>(p);
}
