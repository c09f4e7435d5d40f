#include "backends/cuda/mma_shape.h"

#include <algorithm>

#include "backends/cuda/device/gemm_mma_stage.h"
#include "backends/cuda/divide_up.h"

namespace dunlin::cuda {

// gate and up of a tile's outputs come in the same plane.
bool is_mma(const LinearSize& size) {
  return size.n_rows >= kMmaMinRows && (!size.glu || size.matrices[0].plane == size.matrices[1].plane);
}

MmaShape shape_mma(const LinearSize& size) {
  MmaShape shape;
  shape.n_row_tiles = divide_up(size.n_rows, kGemmRows);
  for (const LinearMatrix& m : size.matrices) {
    shape.n_column_tiles += divide_up(m.n_columns, kGemmColumns);
    shape.shared_bytes = std::max(shape.shared_bytes, kGemmStages * gemm_stage(m.plane).bytes());
  }
  // Of gate and up a tile has 64 outputs each.
  if (size.glu) shape.n_column_tiles = divide_up(2 * size.matrices[0].n_columns, kGemmColumns);
  return shape;
}

}  // namespace dunlin::cuda
