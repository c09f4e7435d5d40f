// Parameters of ops/gemm_dense.cu and of ops/split_rows.cu, which makes one of its operands.
#pragma once

#include "backends/cuda/device/row_params.h"

namespace dunlin::cuda {

// Outputs and step rows of a CTA; columns of K of a stage.
inline constexpr int32_t kDenseColumns = 128, kDenseRows = 64, kDenseK = 32;
inline constexpr int32_t kDenseStages = 3, kDenseThreads = 256;
// A stage: rows of 64 bytes of the weights, and of both parts of the step rows.
inline constexpr int32_t kDenseStageBytes = (kDenseColumns + 2 * kDenseRows) * kDenseK * 2;

// f32 rows as the sum of two numbers of the weights' type: high is the nearest, low the nearest to the rest.
// For F16 rows are first multiplied by a power of two that brings their peak into [2^13, 2^14).
struct SplitRowsParams {
  const float* x;         // [rows][k]
  uint16_t* parts;        // [rows][high, low][padded_k], zeros from k on
  float* row_scale;       // [rows]: undoes the power of two
  const int32_t* counts;  // rows beyond counts[count_index] are left alone
  int32_t count_index;
  int32_t k;
  int32_t padded_k;  // a multiple of kDenseK
  int32_t reserved;
};
static_assert(std::is_trivially_copyable_v<SplitRowsParams> && sizeof(SplitRowsParams) == 48);

struct DenseGemmParams {
  DenseParams dense;      // x is not read
  const uint16_t* parts;  // whole tiles of rows
  const float* row_scale;
  int32_t padded_k;
  int32_t n_row_tiles;  // of the capacity
};
static_assert(std::is_trivially_copyable_v<DenseGemmParams>);

}  // namespace dunlin::cuda
