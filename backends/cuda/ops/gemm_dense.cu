// gemm_dense_f16, gemm_dense_bf16: many rows times F16 or BF16 matrices by mma.sync, f32 sums. A row comes as
// the sum of two numbers of the weights' type (ops/split_rows.cu), so that its rounding, 2^-22 or 2^-16 of a
// value, is far below that of the weights; it costs a second mma.
//
// A CTA makes 128 outputs of 64 rows, its 8 warps 32 by 32 each, from stages of 32 columns of K in shared
// memory: rows of 64 bytes, whose four chunks of 16 are permuted so that eight rows of a chunk lie in all
// banks. CTAs that share weights follow one another. A row's sums run over K in order, whatever else there
// is.
//
// Grid: tiles of rows times tiles of outputs. Block: 256. Dynamic shared memory: kDenseStages stages.
#include "backends/cuda/device/cp_async.cuh"
#include "backends/cuda/device/dense_gemm_params.h"
#include "backends/cuda/device/mma.cuh"
#include "backends/cuda/device/pdl.cuh"

namespace dunlin::cuda {
namespace {

constexpr int kRowBytes = kDenseK * 2;
constexpr int kChunks = kRowBytes / 16;
constexpr int kRowsAt = kDenseColumns * kRowBytes;

__device__ __forceinline__ int chunk_at(int row, int chunk) {
  return row * kRowBytes + (chunk ^ (row / 2 % kChunks)) * 16;
}

// What one thread brings of each stage: two chunks of weights, one of each part of a row.
class DenseSource {
 public:
  __device__ __forceinline__ DenseSource(const DenseGemmParams& p, int first_column, int first_row)
      : row_(threadIdx.x / kChunks), chunk_(threadIdx.x % kChunks), k_(int(p.dense.weight.k)) {
    const auto* weights = reinterpret_cast<const uint16_t*>(p.dense.weight.data);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      // Columns beyond the last are computed with it, and not stored.
      const int64_t n = min(int64_t(first_column + row_ + i * kRowsOfThreads), p.dense.weight.n - 1);
      weights_[i] = weights + n * k_ + 8 * chunk_;
    }
    parts_ = p.parts + int64_t(first_row + row_) * 2 * p.padded_k + 8 * chunk_;
    padded_k_ = p.padded_k;
  }
  // Also of nothing: groups of copies are counted.
  __device__ __forceinline__ void copy(uint8_t* stage, int step) const {
    const int k = step * kDenseK;
    if (k < padded_k_) {
      const bool present = k + 8 * chunk_ < k_;
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        cp_async16_or_zeros(stage + chunk_at(row_ + i * kRowsOfThreads, chunk_),
                            weights_[i] + (present ? k : 0), present);
        cp_async16(stage + kRowsAt + chunk_at(row_ + i * kDenseRows, chunk_), parts_ + i * padded_k_ + k);
      }
    }
    cp_async_commit();
  }

 private:
  static constexpr int kRowsOfThreads = kDenseThreads / kChunks;
  static_assert(2 * kRowsOfThreads == kDenseColumns && kRowsOfThreads == kDenseRows);
  const uint16_t *weights_[2], *parts_;
  int row_, chunk_, k_, padded_k_;
};

// [strip of 16 outputs][group of 8 rows]
using DenseSums = float[2][4][4];

// A warp's 32 outputs and 32 rows, 16 columns of K: chunks 2i and 2i + 1.
template <Plane P>
__device__ __forceinline__ void multiply_chunks(const uint8_t* stage, int column, int row, int i, int lane,
                                                DenseSums& sums) {
  uint32_t a[2][4];
#pragma unroll
  for (int s = 0; s < 2; ++s)
    load_matrices(a[s], stage + chunk_at(column + 16 * s + lane % 16, 2 * i + lane / 16));
#pragma unroll
  for (int part = 0; part < 2; ++part) {
#pragma unroll
    for (int c = 0; c < 4; c += 2) {
      uint32_t b[4];  // of groups c and c + 1
      load_matrices(
          b, stage + kRowsAt +
                 chunk_at(part * kDenseRows + row + 8 * c + lane / 16 * 8 + lane % 8, 2 * i + lane / 8 % 2));
#pragma unroll
      for (int s = 0; s < 2; ++s) {
#pragma unroll
        for (int n = 0; n < 2; ++n) {
          if constexpr (P == Plane::kF16) {
            mma_f16(sums[s][c + n], a[s], b[2 * n], b[2 * n + 1]);
          } else {
            mma_bf16(sums[s][c + n], a[s], b[2 * n], b[2 * n + 1]);
          }
        }
      }
    }
  }
}

__device__ __forceinline__ void store(const DenseGemmParams& p, int column, int row, int n_rows, int lane,
                                      const DenseSums& sums) {
  const DenseParams& d = p.dense;
#pragma unroll
  for (int c = 0; c < 4; ++c) {
#pragma unroll
    for (int v = 0; v < 2; ++v) {
      const int m = row + 8 * c + lane % 4 * 2 + v;
      if (m >= n_rows) continue;
      const float scale = p.row_scale[m];
#pragma unroll
      for (int half = 0; half < 4; ++half) {
        const int64_t n = column + 8 * half + lane / 4, at = m * d.weight.n + n;
        if (n >= d.weight.n) continue;
        float value = sums[half / 2][c][half % 2 * 2 + v] * scale;
        if (d.bias != nullptr) value += d.bias[n];
        if (d.residual != nullptr) value += d.residual[at];
        d.out[at] = value;
      }
    }
  }
}

template <Plane P>
__device__ __forceinline__ void gemm_dense(const DenseGemmParams& p) {
  extern __shared__ __align__(128) uint8_t shared[];
  pdl_launch_dependents();
  pdl_wait();
  const int n_rows = p.dense.counts[p.dense.count_index];
  const int first_row = blockIdx.x % p.n_row_tiles * kDenseRows;
  const int first_column = blockIdx.x / p.n_row_tiles * kDenseColumns;
  if (first_row >= n_rows) return;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int column = warp % 4 * 32, row = warp / 4 * 32;  // of the tile
  const DenseSource source(p, first_column, first_row);
  for (int i = 0; i < kDenseStages - 1; ++i) source.copy(shared + i * kDenseStageBytes, i);
  DenseSums sums = {};
  const int n_steps = p.padded_k / kDenseK;
  int at = 0;
  for (int step = 0; step < n_steps; ++step) {
    cp_async_wait<kDenseStages - 2>();
    __syncthreads();
    const int last = at == 0 ? kDenseStages - 1 : at - 1;
    source.copy(shared + last * kDenseStageBytes, step + kDenseStages - 1);
#pragma unroll
    for (int i = 0; i < kDenseK / 16; ++i)
      multiply_chunks<P>(shared + at * kDenseStageBytes, column, row, i, lane, sums);
    at = at + 1 == kDenseStages ? 0 : at + 1;
  }
  store(p, first_column + column, first_row + row, n_rows, lane, sums);
}

}  // namespace
}  // namespace dunlin::cuda

extern "C" __global__ void __launch_bounds__(256, 2) gemm_dense_f16(dunlin::cuda::DenseGemmParams p) {
  dunlin::cuda::gemm_dense<dunlin::cuda::Plane::kF16>(p);
}
extern "C" __global__ void __launch_bounds__(256, 2) gemm_dense_bf16(dunlin::cuda::DenseGemmParams p) {
  dunlin::cuda::gemm_dense<dunlin::cuda::Plane::kBF16>(p);
}
