// The bandwidth probe: fills memory with noise, then reads all of it. Grid: any. Block: 256.
#include "backends/cuda/device/row_params.h"

extern "C" __global__ void __launch_bounds__(256) probe_fill(dunlin::cuda::ProbeParams p) {
  const int64_t step = int64_t(gridDim.x) * blockDim.x;
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < p.n; i += step) {
    uint32_t h = uint32_t(i) * 2654435761u;
    h ^= h >> 15;
    p.data[i] = make_uint4(h, h * 2246822519u, h * 3266489917u, ~h);
  }
}

extern "C" __global__ void __launch_bounds__(256) probe_read(dunlin::cuda::ProbeParams p) {
  const int64_t step = int64_t(gridDim.x) * blockDim.x;
  uint32_t sum = 0;
  int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  constexpr int kDepth = 8;
  for (; i + (kDepth - 1) * step < p.n; i += kDepth * step) {
    uint4 v[kDepth];
#pragma unroll
    for (int d = 0; d < kDepth; ++d) v[d] = __ldcs(p.data + i + d * step);
#pragma unroll
    for (int d = 0; d < kDepth; ++d) sum ^= v[d].x ^ v[d].y ^ v[d].z ^ v[d].w;
  }
  for (; i < p.n; i += step) sum ^= p.data[i].x;
  // Never true for noise of this kind, and the compiler does not know.
  if (sum == 0x9e3779b9u) p.sink[0] = sum;
}
