// Parameters of the linear kernels; see ops/linear.cu.
#pragma once

#include <cstdint>
#include <type_traits>

#include "backends/cuda/device/activation.h"
#include "backends/cuda/formats/plane.h"

namespace dunlin::cuda {

// Sixteen output rows of a quantized matrix and where their results go.
struct Strip {
  const uint8_t* tiles;
  float* out;             // of the strip's first row, step row 0
  const float* bias;      // or null
  const float* residual;  // added; as out; may be out itself; or null
  int32_t out_stride;     // floats between step rows
  int32_t residual_stride;
  int32_t n_rows;  // 1..16
  Plane plane;
  int32_t first_column;  // of the output row: where its codes go
  int32_t reserved;
};
static_assert(std::is_trivially_copyable_v<Strip> && sizeof(Strip) == 56);

// Quantized activations, device/activation.h; a null code pointer where the matrices read the other kind.
struct QuantizedRows {
  const uint8_t* codes256;
  const float* scales256;
  const uint32_t* sums256;
  const uint8_t* codes32;
  const float* scales32;
};

// What the maker of a single row leaves for the linears that read it; codes null: nothing.
struct RowEmission {
  Row16 row;
  const float* norm_weight;  // of the norm between the two, or null
};

struct LinearParams {
  const Strip* strips;  // with glu: gate strip, up strip, gate strip, ...
  int32_t n_strips;
  int32_t strips_per_cta;
  int32_t n_tiles;  // of 256 columns
  int32_t k;
  int32_t glu;  // nonzero: out = silu(gate) * up, through the gate strip's out
  int32_t count_index;
  const int32_t* counts;  // rows beyond counts[count_index] are not written
  // One row.
  Row16 x;
  int32_t n_squares;  // norm: entries of x.squares; 0: no norm
  float norm_eps;
  RowEmission emission;
  // More rows.
  QuantizedRows rows;
};
static_assert(std::is_trivially_copyable_v<LinearParams>);

}  // namespace dunlin::cuda
