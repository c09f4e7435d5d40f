// How a quantized linear is spread over a device: which kernel, how many strips a CTA, how many warps a
// strip. A function of the matrix and the device only, so that results do not depend on anything else.
#pragma once

#include <cstdint>

#include "backends/cuda/context.h"
#include "backends/cuda/kernels.h"
#include "backends/cuda/linear_size.h"

namespace dunlin::cuda {

struct LinearShape {
  Kernel<LinearParams> kernel;
  Grid grid;
  uint32_t block = 0;
  uint32_t shared_bytes = 0;
  int32_t strips_per_cta = 1;
  GemvSplit gemv{};
  int32_t n_row_tiles = 0;  // of gemm_mma
};

LinearShape shape_linear(const LinearSize& size, const DeviceLimits& limits, const Kernels& kernels);

}  // namespace dunlin::cuda
