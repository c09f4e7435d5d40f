// silu(x) = x / (1 + exp(-x)), the activation of a gated MLP.
#pragma once

namespace dunlin::cuda {

// The exact division would cost more than all else of an epilogue.
__device__ __forceinline__ float silu(float x) {
  return __fdividef(x, 1.0f + __expf(-x));
}

}  // namespace dunlin::cuda
