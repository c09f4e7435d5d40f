// A linear of quantized weights, as far as its kernel and shape follow from it.
#pragma once

#include <cstdint>
#include <vector>

#include "backends/cuda/formats/plane.h"

namespace dunlin::cuda {

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

}  // namespace dunlin::cuda
