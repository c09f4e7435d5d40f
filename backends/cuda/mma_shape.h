// Which linears are multiplied tile by tile on packed weights (ops/gemm_mma.cu), and in which tiles.
#pragma once

#include "backends/cuda/device_limits.h"
#include "backends/cuda/linear_size.h"

namespace dunlin::cuda {

// Fewer rows than this are left to kernels that read the weights once for all rows.
inline constexpr int32_t kMmaMinRows = 65;

bool is_mma(const LinearSize& size);

struct MmaShape {
  int32_t n_rows = 0;  // of a tile: 64 or 128
  int32_t n_row_tiles = 0, n_column_tiles = 0;
  int32_t n_stages = 0, stage_bytes = 0;
};

// The tiles that the device is done with soonest.
MmaShape shape_mma(const LinearSize& size, const DeviceLimits& limits);

}  // namespace dunlin::cuda
