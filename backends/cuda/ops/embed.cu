// embed: a row of the table per token. Grid: (rows of the capacity, parts). Block: 256.
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/ops/matrix_element.cuh"

extern "C" __global__ void __launch_bounds__(256) embed(dunlin::cuda::EmbedParams p) {
  dunlin::cuda::pdl_launch_dependents();
  dunlin::cuda::pdl_wait();
  if (int(blockIdx.x) >= p.counts[0]) return;
  const int64_t token = p.tokens[blockIdx.x];
  for (int64_t k = blockIdx.y * blockDim.x + threadIdx.x; k < p.table.k; k += gridDim.y * blockDim.x)
    p.out[int64_t(blockIdx.x) * p.table.k + k] = dunlin::cuda::matrix_element(p.table, token, k);
}
