// How a quantized linear is spread over a device: which kernel, how many strips a CTA, how many warps a
// strip. A function of the matrix and the device only, so that results do not depend on anything else.
#pragma once

#include <cstdint>
#include <vector>

#include "backends/cuda/context.h"
#include "backends/cuda/kernels.h"

namespace dunlin::cuda {

struct LinearShape {
  Kernel<LinearParams> kernel;
  Grid grid;
  uint32_t block = 0;
  uint32_t shared_bytes = 0;
  int32_t strips_per_cta = 1;
  GemvSplit gemv{};
  int32_t n_row_tiles = 0, n_stages = 0;  // of gemm_mma
};

// A matrix of the launch.
struct LinearMatrix {
  int32_t n_columns;  // of its output
  Plane plane;
};

struct LinearSize {
  std::vector<LinearMatrix> matrices;
  int32_t n_strips = 0;
  int32_t n_tiles = 0;     // of 256 columns
  int32_t n_rows = 1;      // capacity
  bool glu = false;        // strips come in pairs
  int32_t tile_bytes = 0;  // the largest of 256 columns among its planes
};

// From so many rows on, packed weights are multiplied tile by tile (ops/gemm_mma.cu).
inline constexpr int32_t kMmaMinRows = 65;

LinearShape shape_linear(const LinearSize& size, const DeviceLimits& limits, const Kernels& kernels);

}  // namespace dunlin::cuda
