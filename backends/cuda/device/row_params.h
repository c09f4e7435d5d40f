// Parameters of the kernels that work row by row: ops/rows.cu, embed.cu, dense.cu, argmax.cu, step.cu,
// pack.cu.
#pragma once

#include <vector_types.h>

#include <cstdint>
#include <type_traits>

#include "backends/cuda/device/linear_params.h"
#include "backends/cuda/formats/plane.h"
#include "backends/cuda/formats/raw_block.h"

namespace dunlin::cuda {

// A weight matrix on the device: strips of a plane (formats/plane.h), or dense rows.
struct MatrixView {
  const uint8_t* data;
  int64_t n;
  int64_t k;
  Plane plane;
  int32_t reserved;
};

// Rows of f32: [rows][width], adjacent. Rows beyond counts[count_index] are left alone.
struct RowParams {
  const float* a;
  const float* b;  // add, glu: the other operand; rms_norm: weight [group]; rope: inv_freq [n_rot / 2]
  float* out;
  const int32_t* counts;
  const int32_t* index;  // rope: positions; gather: the row to take; embed: tokens
  int32_t count_index;
  int32_t width;
  int32_t group;  // rms_norm: width of a group; rope: head_dim
  int32_t n_rot;
  float eps;
  float magnitude;
};
static_assert(std::is_trivially_copyable_v<RowParams> && sizeof(RowParams) == 64);

struct EmbedParams {
  MatrixView table;
  float* out;
  const int32_t* counts;
  const int32_t* tokens;
  RowEmission emission;
};
static_assert(std::is_trivially_copyable_v<EmbedParams>);

// Dense weights times f32 rows; all sums in f32.
struct DenseParams {
  MatrixView weight;
  const float* x;  // [rows][k]
  float* out;      // [rows][n]
  const float* bias;
  const float* residual;
  const int32_t* counts;
  int32_t count_index;
  int32_t reserved;
};
static_assert(std::is_trivially_copyable_v<DenseParams>);

struct ArgmaxParams {
  const float* logits;  // [rows][n]
  const int32_t* counts;
  int32_t count_index;
  int32_t n;          // in a row
  int32_t n_valid;    // that may be chosen
  int32_t n_parts;    // CTAs of a row
  float* part_value;  // [rows][n_parts]
  int32_t* part_index;
  uint32_t* arrived;  // [rows], zero between launches
  int32_t* tokens;    // [rows]: the largest logit's index, the lowest of equals; -1 if one is NaN or +inf, or
                      // all are -inf
};
static_assert(std::is_trivially_copyable_v<ArgmaxParams>);

// Memory to be read by the bandwidth probe, in units of 16 bytes.
struct ProbeParams {
  uint4* data;
  uint32_t* sink;
  int64_t n;
};

// A row of f32 for linears, where its maker could not quantize it.
struct EmitParams {
  const float* x;
  RowEmission emission;
  int32_t k;
  int32_t reserved;
};

// cos and sin of every pair of a head by row, [row][n_pairs], times the magnitude.
struct RotationParams {
  const int32_t* counts;
  const int32_t* positions;
  const float* inv_freq;
  float2* cos_sin;
  int32_t n_pairs;
  float magnitude;
};

// Of words [tokens_at, tokens_at + n_tokens), those that are chosen_token(i) become chosen[i]. Behind the
// n_words come as many more as from[n_more_at] says; none if that is -1.
struct StepBeginParams {
  const uint32_t* from;
  uint32_t* to;
  const int32_t* chosen;
  int32_t n_words;
  int32_t tokens_at;
  int32_t n_tokens;
  int32_t n_chosen;
  int32_t n_more_at;
  int32_t n_zeroed;
  uint32_t* zeroed;  // n_zeroed words become zero
};
static_assert(std::is_trivially_copyable_v<StepBeginParams> && sizeof(StepBeginParams) == 56);

struct CopyParams {
  const uint32_t* from;
  uint32_t* to;
  int32_t n_words;
  int32_t reserved;
};

// Strips [first_strip, first_strip + n_strips) of a matrix from raw rows that lie in `rows`, in order.
struct PackParams {
  const uint8_t* rows;
  uint8_t* out;  // of first_strip
  int64_t row_bytes;
  int64_t k;
  int32_t n_rows;
  int32_t n_strips;
  int32_t n_tiles;
  RawType type;
  Plane plane;
  int32_t reserved;
};
static_assert(std::is_trivially_copyable_v<PackParams> && sizeof(PackParams) == 56);

}  // namespace dunlin::cuda
