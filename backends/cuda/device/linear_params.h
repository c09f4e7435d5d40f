// Parameters of the linear kernels: ops/gemv.cu, ops/skinny.cu, ops/gemm_mma.cu. All that a kernel must know
// to find its weights is here, in constant memory: a directory in global memory would be a cache miss before
// every first load.
#pragma once

#include <cstdint>
#include <type_traits>

#include "backends/cuda/device/activation.h"
#include "backends/cuda/formats/host_device.h"
#include "backends/cuda/formats/plane.h"

namespace dunlin::cuda {

// A quantized matrix and where its results go.
struct LinearSegment {
  const uint8_t* tiles;
  float* out;             // step row 0
  const float* bias;      // [n] or null
  const float* residual;  // added; as out; may be out itself; or null
  int32_t n;              // output columns
  int32_t first_strip;    // of the launch
  int32_t strip_bytes;
  int32_t tile_bytes;  // of 256 columns: of planes of 32 elements, two small tiles
  Plane plane;
  int32_t reserved;
};
static_assert(std::is_trivially_copyable_v<LinearSegment> && sizeof(LinearSegment) == 56);

inline constexpr int32_t kMaxSegments = 4;

// Quantized activations, device/activation.h; a null code pointer where the matrices read the other kind.
struct QuantizedRows {
  const uint8_t* codes256;
  const float* scales256;
  const uint32_t* sums256;
  const uint8_t* codes32;
  const float* scales32;
};

// What the maker of a single row leaves for the linears that read it; tiles null: nothing.
struct RowEmission {
  Row16 row;
  const float* norm_weight;  // of the norm between the two, or null
};

// A total cut into runs whose lengths differ by one at most; the longer ones come first.
struct EqualRuns {
  int32_t length, n_longer;

  DUNLIN_HD int32_t begin(int32_t i) const { return i * length + (i < n_longer ? i : n_longer); }
};
DUNLIN_HD EqualRuns equal_runs(int32_t total, int32_t n) {
  return {total / n, total % n};
}

// How a gemv is spread: strips (glu: pairs) over CTAs, and the tiles of a CTA's strips over its warps.
// Divisions are long, and a kernel that has just begun has nothing to hide them behind: all are done here.
struct GemvSplit {
  EqualRuns strips;          // or pairs
  EqualRuns tiles[2];        // of a CTA with one strip more, and of the others
  uint32_t tile_reciprocal;  // ceil(2^31 / n_tiles): a tile's strip is its product, less 31 bits
  int32_t n_stages;          // tiles of a warp on their way at a time
  int32_t stage_bytes;       // the largest tile of the segments, of 256 columns
  int32_t row_at;            // of the shared memory: the row, behind the stages
};

// Warps of a gemv's CTA at most, of which an SM has two: what registers allow without spilling. Its launch
// bounds, so code_architecture is that of the kernel, not of the device.
constexpr int32_t gemv_max_warps(int32_t code_architecture) {
  return code_architecture == 90 ? 12 : 10;
}

// A CTA's dynamic shared memory: barriers, one for each stage and one for the row, 128 bytes and more; the
// stages; the row; the warps' sums, (strips + warps) * 16 f32; by strip, its first and its last warp.
constexpr int32_t gemv_stages_at(int32_t n_warps, int32_t n_stages) {
  return ((n_warps * n_stages + 1) * 8 + 127) / 128 * 128;
}

struct LinearParams {
  LinearSegment segments[kMaxSegments];  // with glu: gate and up, whose strips alternate
  int32_t n_segments;
  int32_t n_strips;
  int32_t strips_per_cta;
  int32_t n_tiles;  // of 256 columns
  int32_t k;
  int32_t glu;  // nonzero: out = silu(gate) * up, through the gate's segment
  int32_t count_index;
  float norm_eps;
  const int32_t* counts;  // rows beyond counts[count_index] are not written; one row is always there
  // One row.
  Row16 x;
  int64_t n_squares;  // norm: entries of x.squares; 0: no norm
  RowEmission emission;
  GemvSplit gemv;
  // More rows.
  QuantizedRows rows;
  // ops/gemm_mma.cu.
  int32_t n_row_tiles;  // of the capacity
  int32_t reserved;
};
static_assert(std::is_trivially_copyable_v<LinearParams> && sizeof(LinearParams) <= 512);

}  // namespace dunlin::cuda
