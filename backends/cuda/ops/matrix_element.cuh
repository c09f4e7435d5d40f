// One element of a weight matrix, whatever its plane. For gathers: a few rows of a table.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "backends/cuda/device/row_params.h"
#include "backends/cuda/device/words.cuh"
#include "backends/cuda/formats/pack.h"

namespace dunlin::cuda {

__device__ inline float matrix_element(const MatrixView& m, int64_t row, int64_t k) {
  switch (m.plane) {
    case Plane::kF32:
      return reinterpret_cast<const float*>(m.data)[row * m.k + k];
    case Plane::kF16:
      return __half2float(reinterpret_cast<const __half*>(m.data)[row * m.k + k]);
    case Plane::kBF16:
      return __bfloat162float(reinterpret_cast<const __nv_bfloat16*>(m.data)[row * m.k + k]);
    default:
      break;
  }
  const PlaneInfo info = plane_info(m.plane);
  const uint8_t* strip = m.data + row / kStripRows * strip_bytes(m.plane, m.k);
  const uint8_t* tile = strip + k / info.tile_k * info.tile_bytes;
  const TileElement e = tile_element(m.plane, tile, int32_t(row % kStripRows), int32_t(k % info.tile_k));
  return half_bits_to_float(e.d) * float(e.scale) * float(e.code) - half_bits_to_float(e.dmin) * float(e.min);
}

}  // namespace dunlin::cuda
