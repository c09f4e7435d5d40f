// cos and sin of a rotation, times its magnitude.
#pragma once

#include "backends/cuda/device/angle.h"

namespace dunlin::cuda {

__device__ __forceinline__ float2 turn(int32_t position, float inv_freq, float magnitude) {
  float sine, cosine;
  sincospif(half_turns(position, inv_freq), &sine, &cosine);
  return make_float2(cosine * magnitude, sine * magnitude);
}

}  // namespace dunlin::cuda
