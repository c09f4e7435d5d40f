// Quantizing 16 neighbouring values where they are made: A16 of device/activation.h.
#pragma once

#include <cstdint>

#include "backends/cuda/device/linear_params.h"

namespace dunlin::cuda {

// The norm's weight of an output, or 1: to be loaded long before it is needed.
__device__ __forceinline__ float emission_weight(const RowEmission& e, int column, bool active) {
  return e.norm_weight != nullptr && active ? __ldg(e.norm_weight + column) : 1.0f;
}

// 16 lanes, aligned, hold value i of the group that begins at `column`, lane % 16 = i. All lanes of the warp
// must call; active: this lane's group exists (its lanes agree). weight: emission_weight().
__device__ __forceinline__ void emit16(const RowEmission& e, int column, float value, float weight,
                                       bool active) {
  const int i = threadIdx.x % 16;
  float scaled = active ? value : 0.0f;
  if (e.norm_weight != nullptr) {
    float squares = scaled * scaled;
#pragma unroll
    for (int step = 8; step > 0; step /= 2) squares += __shfl_xor_sync(0xffffffffu, squares, step);
    if (active && i == 0) e.row.squares[column / 16] = squares;
    scaled *= weight;
  }
  float peak = fabsf(scaled);
#pragma unroll
  for (int step = 8; step > 0; step /= 2) peak = fmaxf(peak, __shfl_xor_sync(0xffffffffu, peak, step));
  const int32_t code = __float2int_rn(scaled * (peak > 0 ? __fdividef(127.0f, peak) : 0.0f));
  int32_t sum = code;
#pragma unroll
  for (int step = 8; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
  if (!active) return;
  row16_code(e.row, column)[i] = uint8_t(code);
  if (i != 0) return;
  const float scale = peak * (1.0f / 127.0f);
  *reinterpret_cast<float2*>(row16_scale(e.row, column)) = make_float2(scale, scale * float(sum));
}

}  // namespace dunlin::cuda
