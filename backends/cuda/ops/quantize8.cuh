// Eight neighbouring values of a lane to int8: what the linear kernels' inputs are made of. A warp covers a
// tile of 256, four lanes a sub-block of 32.
#pragma once

#include <cstdint>

namespace dunlin::cuda {

__device__ __forceinline__ float warp_max(float v, int from) {
  for (int step = from; step > 0; step /= 2) v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, step));
  return v;
}
__device__ __forceinline__ float warp_sum(float v) {
  for (int step = 16; step > 0; step /= 2) v += __shfl_xor_sync(0xffffffffu, v, step);
  return v;
}
__device__ __forceinline__ int32_t quad_sum(int32_t v) {
  v += __shfl_xor_sync(0xffffffffu, v, 1);
  return v + __shfl_xor_sync(0xffffffffu, v, 2);
}

// Two words of int8, and their sum.
__device__ __forceinline__ uint2 quantize8(const float (&v)[8], float inverse, int32_t& sum) {
  uint32_t words[2] = {};
  sum = 0;
#pragma unroll
  for (int e = 0; e < 8; ++e) {
    const int32_t q = __float2int_rn(v[e] * inverse);
    sum += q;
    words[e / 4] |= uint32_t(q & 255) << (8 * (e % 4));
  }
  return make_uint2(words[0], words[1]);
}

__device__ __forceinline__ float inverse_scale(float peak) {
  return peak > 0 ? 127.0f / peak : 0.0f;
}

__device__ __forceinline__ float peak8(const float (&v)[8]) {
  float peak = 0;
#pragma unroll
  for (int e = 0; e < 8; ++e) peak = fmaxf(peak, fabsf(v[e]));
  return peak;
}

// Values [at, at + 8) of a row of k, zeros beyond its end, times the norm's weight if there is one; adds to
// the sum of squares of the raw values then.
__device__ __forceinline__ void load_row8(const float* x, const float* norm_weight, int k, int at,
                                          float (&v)[8], float& squares) {
#pragma unroll
  for (int e = 0; e < 8; ++e) v[e] = 0;
  if (at + 8 <= k && k % 4 == 0) {
    const float4 low = __ldcg(reinterpret_cast<const float4*>(x + at));
    const float4 high = __ldcg(reinterpret_cast<const float4*>(x + at + 4));
    v[0] = low.x, v[1] = low.y, v[2] = low.z, v[3] = low.w;
    v[4] = high.x, v[5] = high.y, v[6] = high.z, v[7] = high.w;
  } else {
    for (int e = 0; e < 8 && at + e < k; ++e) v[e] = __ldcg(x + at + e);
  }
  if (norm_weight == nullptr) return;
#pragma unroll
  for (int e = 0; e < 8; ++e) squares += v[e] * v[e];
#pragma unroll
  for (int e = 0; e < 8; ++e)
    if (at + e < k) v[e] *= __ldg(norm_weight + at + e);
}

}  // namespace dunlin::cuda
