// What becomes of a GEMM's sums. wgmma leaves them where mma.sync does: of 8 neighbouring columns, lane
// (g = lane / 4, t = lane % 4) holds {row g, columns 2t, 2t+1; row g + 8, the same columns}, so that
// gate and up of a column pair meet in one lane.
#pragma once

#include "backends/cuda/device/gemm_params.h"
#include "backends/cuda/device/silu.cuh"

namespace dunlin::cuda {

// Where the columns of a tile go.
struct GemmTarget {
  float* out;
  const float* bias;
  const float* residual;
  const float* row_scale;
  int32_t n, stride;
  bool aligned;  // pairs of floats may be accessed as one
  bool glu;
};

// column: the tile's first row of B; it becomes the column within its segment.
__device__ __forceinline__ GemmTarget gemm_target(const GemmParams& p, int& column) {
  int segment = 0;
#pragma unroll
  for (int s = 1; s < kMaxSegments; ++s)
    if (s < p.n_segments && column >= p.segments[s].first_row) segment = s;
  const GemmSegment& s = p.segments[segment];
  column -= s.first_row;
  const uint64_t addresses = reinterpret_cast<uint64_t>(s.out) | reinterpret_cast<uint64_t>(s.bias) |
                             reinterpret_cast<uint64_t>(p.residual) | uint64_t(s.out_stride) * 4;
  return {s.out, s.bias, p.residual, p.row_scale, s.n, s.out_stride, addresses % 8 == 0, p.glu != 0};
}

// A lane's two columns. kWhole: both exist and lie together; else n_left of them do, which may be negative.
template <bool kWhole>
__device__ __forceinline__ float2 load_pair(const float* from, int n_left) {
  if (kWhole) return *reinterpret_cast<const float2*>(from);
  return make_float2(n_left > 0 ? from[0] : 0.0f, n_left > 1 ? from[1] : 0.0f);
}
template <bool kWhole>
__device__ __forceinline__ void store_pair(float* to, float2 v, int n_left) {
  if (kWhole) {
    *reinterpret_cast<float2*>(to) = v;
    return;
  }
  if (n_left > 0) to[0] = v.x;
  if (n_left > 1) to[1] = v.y;
}

// What a lane's sums become: rows row and row + 8, kGroups groups of 8 columns. Loaded apart from the sums,
// so that the loads can be on their way while the tensor cores finish.
template <int kGroups>
struct Addends {
  float scale[2];
  float2 v[2][kGroups];
};

template <int kGroups, bool kWhole>
__device__ __forceinline__ void load_addends_as(const GemmTarget& p, int m, int row, int column,
                                                Addends<kGroups>& to) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int r = row + 8 * half;
    to.scale[half] = r < m ? p.row_scale[r] : 1.0f;
    const bool present = p.residual != nullptr && r < m;
    const float* from = p.residual + int64_t(r) * p.stride + column;
#pragma unroll
    for (int j = 0; j < kGroups; ++j) {
      to.v[half][j] = make_float2(0, 0);
      if (present) to.v[half][j] = load_pair<kWhole>(from + 8 * j, p.n - column - 8 * j);
    }
  }
  if (p.bias == nullptr) return;
#pragma unroll
  for (int j = 0; j < kGroups; ++j) {
    const float2 bias = load_pair<kWhole>(p.bias + column + 8 * j, p.n - column - 8 * j);
#pragma unroll
    for (int half = 0; half < 2; ++half)
      to.v[half][j] = make_float2(bias.x + to.v[half][j].x, bias.y + to.v[half][j].y);
  }
}

template <int kGroups, bool kWhole>
__device__ __forceinline__ void store_sums_as(const GemmTarget& p, int m, int row, int column,
                                              const float* sums, const Addends<kGroups>& addends) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int r = row + 8 * half;
    if (r >= m) continue;
    float* to = p.out + int64_t(r) * p.stride;
#pragma unroll
    for (int j = 0; j < kGroups; ++j) {
      const int at = column + 8 * j;
      const float2 v = make_float2(sums[4 * j + 2 * half] * addends.scale[half] + addends.v[half][j].x,
                                   sums[4 * j + 2 * half + 1] * addends.scale[half] + addends.v[half][j].y);
      if (!p.glu) {
        store_pair<kWhole>(to + at, v, p.n - at);
      } else if (kWhole || at < p.n) {
        to[at / 2] = silu(v.x) * v.y;
      }
    }
  }
}

// row and column are those of the lane's first value.
template <int kGroups>
__device__ __forceinline__ bool all_columns(const GemmTarget& p, int column) {
  return p.aligned && column / 8 * 8 + 8 * kGroups <= p.n;
}
template <int kGroups>
__device__ __forceinline__ void load_addends(const GemmTarget& p, int m, int row, int column,
                                             Addends<kGroups>& to) {
  if (all_columns<kGroups>(p, column))
    load_addends_as<kGroups, true>(p, m, row, column, to);
  else
    load_addends_as<kGroups, false>(p, m, row, column, to);
}
template <int kGroups>
__device__ __forceinline__ void store_sums(const GemmTarget& p, int m, int row, int column, const float* sums,
                                           const Addends<kGroups>& addends) {
  if (all_columns<kGroups>(p, column))
    store_sums_as<kGroups, true>(p, m, row, column, sums, addends);
  else
    store_sums_as<kGroups, false>(p, m, row, column, sums, addends);
}

}  // namespace dunlin::cuda
