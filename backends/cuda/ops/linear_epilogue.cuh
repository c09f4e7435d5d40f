// What both linear kernels do once a strip's sums are known.
#pragma once

#include "backends/cuda/device/linear_params.h"

namespace dunlin::cuda {

__device__ __forceinline__ float silu(float x) {
  return x / (1.0f + __expf(-x));
}

// value: the finished sum of row r of the strip for step row m. Returns what was stored.
__device__ __forceinline__ float store_output(const Strip& strip, int r, int m, float value) {
  if (strip.bias != nullptr) value += strip.bias[r];
  if (strip.residual != nullptr) value += strip.residual[int64_t(m) * strip.residual_stride + r];
  strip.out[int64_t(m) * strip.out_stride + r] = value;
  return value;
}

}  // namespace dunlin::cuda
