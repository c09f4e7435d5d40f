// Which prefill GEMM serves so many rows and columns, and how it is spread over the device.
#pragma once

#include <span>

#include "backends/cuda/kernels.h"

namespace dunlin::cuda {

// Fewer rows than this are left to the kernels that read packed weights: rounding a matrix to halves costs as
// much as reading it four times.
inline constexpr int32_t kGemmMinRows = 65;
// One CTA rounds a whole row of A.
inline constexpr int32_t kGemmMaxK = 1024 * kToF16ThreadColumns;
// Of the scratch that a matrix is unpacked to; larger matrices are multiplied part by part.
inline constexpr int64_t kGemmPanelBytes = 320 << 20;

constexpr int32_t gemm_padded_k(int64_t k) {
  return int32_t((k + kGemmK - 1) / kGemmK * kGemmK);
}

struct GemmShape {
  Kernel<GemmParams> kernel;
  int32_t tile_columns = 0;  // segments begin at multiples of this
  Grid grid;
  uint32_t block = 0;
  uint32_t shared_bytes = 0;
};

// segments: rows of B for each output.
GemmShape shape_gemm(int32_t n_rows, std::span<const int32_t> segments, const DeviceLimits& limits,
                     const Kernels& kernels);

// The row of B at which a segment begins: a multiple of the tile.
int32_t gemm_first_row(std::span<const int32_t> segments, int32_t segment, int32_t tile_columns);

// The map of a matrix of halves [rows][k], adjacent, k a multiple of kGemmK.
Result<TensorMap> gemm_operand_map(const Context& context, const uint16_t* halves, int64_t rows, int64_t k);

}  // namespace dunlin::cuda
