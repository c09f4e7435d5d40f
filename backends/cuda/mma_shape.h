// Which linears are multiplied tile by tile on packed weights (ops/gemm_mma.cu), and in which tiles.
#pragma once

#include "backends/cuda/linear_size.h"

namespace dunlin::cuda {

// Fewer rows than this are left to kernels that read the weights once for all rows.
inline constexpr int32_t kMmaMinRows = 65;

bool is_mma(const LinearSize& size);

struct MmaShape {
  int32_t n_row_tiles = 0, n_column_tiles = 0;
  int32_t shared_bytes = 0;  // of a CTA
};
MmaShape shape_mma(const LinearSize& size);

}  // namespace dunlin::cuda
