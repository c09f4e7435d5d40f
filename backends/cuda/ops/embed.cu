// embed: a row of the table per token, and what begins a step beside it: a row's codes where no linear made
// it, the rotation of every row's position. Grids: (rows of the capacity, parts); emit_row: parts. Block:
// 256.
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/ops/emit_row.cuh"
#include "backends/cuda/ops/matrix_element.cuh"
#include "backends/cuda/ops/turn.cuh"

extern "C" __global__ void __launch_bounds__(256) embed(dunlin::cuda::EmbedParams p) {
  using namespace dunlin::cuda;
  pdl_launch_dependents();
  pdl_wait();
  if (int(blockIdx.x) >= p.counts[0]) return;
  const int64_t token = p.tokens[blockIdx.x];
  const int step = gridDim.y * blockDim.x;
  // Whole groups of 16, for the emission.
  const int k_end = int((p.table.k + 15) / 16 * 16);
  for (int first = blockIdx.y * blockDim.x; first < k_end; first += step) {
    const int k = first + threadIdx.x;
    float v = 0;
    if (k < p.table.k) {
      v = matrix_element(p.table, token, k);
      p.out[int64_t(blockIdx.x) * p.table.k + k] = v;
    }
    if (p.emission.row.tiles == nullptr) continue;
    emit16(p.emission, k / 16 * 16, v, emission_weight(p.emission, k, k < p.table.k), k < k_end);
  }
}

extern "C" __global__ void __launch_bounds__(256) emit_row(dunlin::cuda::EmitParams p) {
  using namespace dunlin::cuda;
  pdl_launch_dependents();
  pdl_wait();
  const int k_end = (p.k + 15) / 16 * 16;
  for (int first = blockIdx.x * blockDim.x; first < k_end; first += gridDim.x * blockDim.x) {
    const int k = first + threadIdx.x;
    const float v = k < p.k ? __ldcg(p.x + k) : 0.0f;
    emit16(p.emission, k / 16 * 16, v, emission_weight(p.emission, k, k < p.k), k < k_end);
  }
}

extern "C" __global__ void __launch_bounds__(256) rotation(dunlin::cuda::RotationParams p) {
  using namespace dunlin::cuda;
  pdl_launch_dependents();
  pdl_wait();
  if (int(blockIdx.x) >= p.counts[0]) return;
  const int32_t position = p.positions[blockIdx.x];
  for (int i = threadIdx.x; i < p.n_pairs; i += blockDim.x)
    p.cos_sin[int64_t(blockIdx.x) * p.n_pairs + i] = turn(position, p.inv_freq[i], p.magnitude);
}
