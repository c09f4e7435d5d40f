// Keys and values in the cache: where a token's row is, eight dimensions of it as halves, and storing one.
#pragma once

#include <cuda_fp16.h>

#include "backends/cuda/device/attention_params.h"
#include "backends/cuda/device/e4m3.cuh"
#include "backends/cuda/device/words.cuh"
#include "core/device/kv_fp8.h"

namespace dunlin::cuda {

// One kv head in one block.
struct KvHead {
  uint8_t* base;
};

__device__ __forceinline__ KvHead kv_head(const KvView& kv, int32_t block, int32_t head) {
  return {kv.base + (int64_t(block) * kv.n_head_kv + head) * kv.head_bytes};
}

// Format and head size at compile time.
template <KvFormat F, int kHeadDim>
struct KvRows {
  static constexpr int kRowBytes = kv_row_bytes(F, kHeadDim);
  static constexpr int kScaleBytes = kv_scale_row_bytes(F, kHeadDim);
  static constexpr int kValuesAt = kKvBlockTokens * kRowBytes;
  static constexpr int kScalesAt = 2 * kKvBlockTokens * kRowBytes;

  // Dimensions [d, d + 8) of row `token` (0..63) of K (part 0) or V (part 1).
  static __device__ __forceinline__ uint4 load8(const KvHead& head, int part, int token, int d) {
    if constexpr (F == KvFormat::kF16) {
      return *reinterpret_cast<const uint4*>(head.base + part * kValuesAt + token * kRowBytes + 2 * d);
    } else if constexpr (F == KvFormat::kFp8) {
      const uint2 q = *reinterpret_cast<const uint2*>(head.base + part * kValuesAt + token * kRowBytes + d);
      const __half scale = *reinterpret_cast<const __half*>(head.base + kScalesAt +
                                                            (part * kKvBlockTokens + token) * kScaleBytes);
      const __half2 s = __half2half2(__hmul(scale, __float2half_rn(kE4m3Unit)));
      const auto scaled = [&](uint32_t codes, bool upper) {
        return as_word(__hmul2(as_half2(e4m3x2_to_halves(codes, upper)), s));
      };
      return make_uint4(scaled(q.x, false), scaled(q.x, true), scaled(q.y, false), scaled(q.y, true));
    } else {
      const uint2 q = *reinterpret_cast<const uint2*>(head.base + part * kValuesAt + token * kRowBytes + d);
      const __half2 s = __half2half2(*reinterpret_cast<const __half*>(
          head.base + kScalesAt + part * kKvBlockTokens * kScaleBytes + token * kScaleBytes + d / 32 * 2));
      return make_uint4(
          as_word(__hmul2(bytes_to_half2(q.x, false), s)), as_word(__hmul2(bytes_to_half2(q.x, true), s)),
          as_word(__hmul2(bytes_to_half2(q.y, false), s)), as_word(__hmul2(bytes_to_half2(q.y, true), s)));
    }
  }
};

// The power of two, and what values are multiplied by before they become codes.
struct Fp8Scale {
  __half scale;
  float inverse;

  __device__ __forceinline__ explicit Fp8Scale(float peak) {
    const int32_t exponent = fp8_scale_exponent(__float_as_uint(peak));
    scale = __ushort_as_half(fp8_scale_half(exponent));
    inverse = __uint_as_float(fp8_scale_float(-exponent));
  }
  __device__ __forceinline__ uint16_t codes(float low, float high) const {
    // fminf turns NaN into 448.
    return floats_to_e4m3x2(fminf(low * inverse, kFp8Largest), fminf(high * inverse, kFp8Largest));
  }
};

__device__ __forceinline__ void store_fp8_row(int head_dim, uint8_t* at, __half* scale, const float* row) {
  const int lane = threadIdx.x % 32;
  float peak = 0;
  for (int d = lane; d < head_dim; d += 32) peak = fmaxf(peak, fabsf(row[d]));
  for (int step = 16; step > 0; step /= 2) peak = fmaxf(peak, __shfl_xor_sync(0xffffffffu, peak, step));
  const Fp8Scale rounding(peak);
  for (int d = 2 * lane; d < head_dim; d += 64)
    *reinterpret_cast<uint16_t*>(at + d) = rounding.codes(row[d], row[d + 1]);
  if (lane == 0) *scale = rounding.scale;
}

// No cache holds an infinity; NaN stays NaN.
constexpr float kLargestHalf = 65504.0f;
__device__ __forceinline__ __half saturated_half(float v) {
  return __float2half_rn(fabsf(v) > kLargestHalf ? copysignf(kLargestHalf, v) : v);
}

// Stores a row of K (part 0) or V (part 1) by one warp, rounded as the cache's type rounds. format and
// head_dim are the view's; constants make the code short.
__device__ __forceinline__ void store_kv_row(KvFormat format, int head_dim, const KvHead& head, int part,
                                             int token, const float* row) {
  const int lane = threadIdx.x % 32;
  const int row_bytes = kv_row_bytes(format, head_dim);
  uint8_t* at = head.base + (part * kKvBlockTokens + token) * row_bytes;
  if (format == KvFormat::kF16) {
    for (int d = lane; d < head_dim; d += 32) reinterpret_cast<__half*>(at)[d] = saturated_half(row[d]);
    return;
  }
  const int scale_bytes = kv_scale_row_bytes(format, head_dim);
  __half* scales = reinterpret_cast<__half*>(head.base + 2 * kKvBlockTokens * row_bytes +
                                             (part * kKvBlockTokens + token) * scale_bytes);
  if (format == KvFormat::kFp8) return store_fp8_row(head_dim, at, scales, row);
#pragma unroll 1
  for (int d0 = 0; d0 < head_dim; d0 += 32) {
    const bool inside = d0 + lane < head_dim;
    const float v = inside ? row[d0 + lane] : 0.0f;
    float peak = fabsf(v);
    for (int step = 16; step > 0; step /= 2) peak = fmaxf(peak, __shfl_xor_sync(0xffffffffu, peak, step));
    const float scale = fminf(peak / 127.0f, kLargestHalf);
    const float inverse = scale > 0 ? 1.0f / scale : 0.0f;
    // roundf: half away from zero, as the file codec.
    const float code = fminf(fmaxf(roundf(v * inverse), -127.0f), 127.0f);
    if (inside) reinterpret_cast<int8_t*>(at)[d0 + lane] = int8_t(code);
    if (lane == 0) scales[d0 / 32] = saturated_half(scale);
  }
}

// A head's RMS norm and rotation, in place, by one warp. cos_sin: [n_rot / 2], magnitude included.
__device__ inline void norm_and_rotate(float* row, int head_dim, const float* norm, float eps,
                                       const float2* cos_sin, int n_rot) {
  const int lane = threadIdx.x % 32;
  if (norm != nullptr) {
    float squares = 0;
    for (int d = lane; d < head_dim; d += 32) squares += row[d] * row[d];
    for (int step = 16; step > 0; step /= 2) squares += __shfl_xor_sync(0xffffffffu, squares, step);
    const float factor = rsqrtf(squares / float(head_dim) + eps);
    for (int d = lane; d < head_dim; d += 32) row[d] *= factor * norm[d];
    __syncwarp();
  }
  for (int i = lane; i < n_rot / 2; i += 32) {
    const float low = row[i], high = row[n_rot / 2 + i];
    row[i] = low * cos_sin[i].x - high * cos_sin[i].y;
    row[n_rot / 2 + i] = high * cos_sin[i].x + low * cos_sin[i].y;
  }
  __syncwarp();
}

}  // namespace dunlin::cuda
