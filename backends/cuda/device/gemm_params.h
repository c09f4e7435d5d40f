// Parameters of the prefill GEMM, ops/gemm_wgmma.cu, and of the kernels that make its operands,
// ops/rows_to_f16.cu and ops/dequantize.cu.
//
//   out[m][n] = epilogue(sum over k of A[m][k] * B[n][k])     A, B halves, K contiguous; f32 sums
#pragma once

#include <cstdint>
#include <type_traits>

#include "backends/cuda/device/linear_params.h"

namespace dunlin::cuda {

// K of both operands is padded with zeros to a multiple of this.
inline constexpr int32_t kGemmK = 64;

// The driver's CUtensorMap.
struct alignas(64) TensorMap {
  uint64_t words[16];
};

// Boxes of the tensor maps: 64 columns (128 bytes, swizzled as a whole) by 64 rows.
inline constexpr int32_t kGemmBoxRows = 64;

// Rows of B that are the columns of one output. A segment begins at a multiple of the tile's columns.
struct GemmSegment {
  float* out;          // [m][out_stride]
  const float* bias;   // [n] or null
  int32_t first_row;   // of B
  int32_t n;           // rows of B
  int32_t out_stride;  // floats
  int32_t reserved;
};
static_assert(sizeof(GemmSegment) == 32);

struct GemmParams {
  // Two-dimensional maps {k, rows}, box {kGemmK, kGemmBoxRows}, halves, row stride 2 k bytes, 128-byte
  // swizzle, no interleave, zeros beyond the edges. A's may have more rows than m.
  TensorMap a_map;
  TensorMap b_map;
  GemmSegment segments[kMaxSegments];
  const float* row_scale;  // [m], multiplies the sums before all else
  const float* residual;   // of the only segment, as its out, may be it; null with glu; or null
  const int32_t* counts;   // rows beyond counts[count_index] are neither read nor written
  int32_t count_index;
  int32_t m;  // rows at most: what the grid was made for
  int32_t n_segments;
  int32_t n;    // rows of B, all segments with what lies between them
  int32_t k;    // a multiple of kGemmK
  int32_t glu;  // nonzero: rows 2i and 2i + 1 of B are gate and up; out[m][i] = silu(gate) * up
};
static_assert(std::is_trivially_copyable_v<GemmParams> && sizeof(GemmParams) == 448);

// The ring's stages, as many as fit beside the barriers, and the dynamic shared memory.
inline constexpr int32_t kGemmSwizzleBytes = 1024;
constexpr int32_t gemm_wgmma_stages(int32_t tile_columns) {
  return tile_columns == 192 ? 5 : tile_columns == 128 ? 6 : 8;
}
constexpr int32_t gemm_wgmma_shared_bytes(int32_t tile_columns) {
  return gemm_wgmma_stages(tile_columns) * (128 + tile_columns) * kGemmK * 2 + kGemmSwizzleBytes;
}
// Outputs of a cluster of two CTAs at a time: rows, and columns in tiles.
inline constexpr int32_t kGemmTileRows = 128;
inline constexpr int32_t kGemmTilesOfPair = 2;
inline constexpr int32_t kGemmMaxTileColumns = 192;

// A of a GEMM from f32 rows, each times a power of two that makes its peak lie in [2^13, 2^14).
struct RowsToF16Params {
  const float* x;            // [rows][x_stride]
  const float* norm_weight;  // [k]: RMS norm first; or null
  uint16_t* a;               // halves [rows][padded_k]
  float* row_scale;          // [rows]: undoes the power of two
  const int32_t* counts;     // rows beyond counts[count_index] are left alone
  int32_t count_index;
  int32_t x_stride;
  int32_t k;
  int32_t padded_k;  // a multiple of kGemmK
  float norm_eps;
  int32_t reserved;
};
static_assert(std::is_trivially_copyable_v<RowsToF16Params> && sizeof(RowsToF16Params) == 64);

// Columns a thread of rows_to_f16 takes at most.
inline constexpr int32_t kToF16ThreadColumns = 32;

// B of a GEMM from strips of a quantized plane: row r of the first strip becomes row r * row_step of `b`.
struct DequantizeParams {
  const uint8_t* tiles;  // of the first strip
  uint16_t* b;           // halves [rows][padded_k]
  Plane plane;
  int32_t n_strips;
  int32_t n_tiles;  // of a strip
  int32_t n_rows;   // rows beyond are not written
  int32_t row_step;
  int32_t padded_k;  // a multiple of kGemmK; columns from K on are zeros
};
static_assert(std::is_trivially_copyable_v<DequantizeParams> && sizeof(DequantizeParams) == 40);

}  // namespace dunlin::cuda
