// quantize: rows of f32 (normed, if asked) to the int8 records of device/activation.h.
// Grid: rows of the capacity. Block: 256.
#include <cuda_fp16.h>

#include "backends/cuda/device/activation.h"
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/device/quantize_params.h"
#include "backends/cuda/ops/quantize8.cuh"

namespace dunlin::cuda {
namespace {

constexpr int kWarps = 8;

// Where a lane's two words of a tile go: they are the same k words of neighbouring lanes of the reader.
__device__ __forceinline__ void store_codes(uint8_t* tile, int row, int lane, uint2 words) {
  const int j = lane / 4, half = lane % 4 / 2, t = 2 * (lane % 2);
  uint8_t* at = tile + (j / 2) * 512 + (row * 4 + t) * 16 + (j % 2) * 8 + half * 4;
  *reinterpret_cast<uint32_t*>(at) = words.x;
  *reinterpret_cast<uint32_t*>(at + 16) = words.y;
}

// The sum of sub-block j as two halves: hi a multiple of 64, |hi| <= 4096, lo 0..63.
__device__ __forceinline__ void store_sum(uint32_t* tile_sums, int row, int j, int32_t sum) {
  const int32_t high = sum & ~63;
  __half* lane_sums = reinterpret_cast<__half*>(tile_sums + (row * 4 + j % 4) * 2);
  lane_sums[j / 4] = __int2half_rn(high);
  lane_sums[2 + j / 4] = __int2half_rn(sum - high);
}

// 1 / rms of the row, for all threads.
__device__ float rms_factor(const QuantizeParams& p, const float* x) {
  __shared__ float parts[kWarps];
  float squares = 0;
  for (int i = threadIdx.x; i < p.k; i += blockDim.x) {
    const float v = __ldcg(x + i);
    squares += v * v;
  }
  squares = warp_sum(squares);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = squares;
  __syncthreads();
  float sum = 0;
  for (int w = 0; w < kWarps; ++w) sum += parts[w];
  return rsqrtf(sum / float(p.k) + p.norm_eps);
}

}  // namespace
}  // namespace dunlin::cuda

extern "C" __global__ void __launch_bounds__(256) quantize(dunlin::cuda::QuantizeParams p) {
  using namespace dunlin::cuda;
  pdl_launch_dependents();
  pdl_wait();
  const int m = blockIdx.x;
  if (m >= p.counts[p.count_index]) return;
  const int group = m / kGroupRows, row = m % kGroupRows, lane = threadIdx.x % 32;
  const float* x = p.x + int64_t(m) * p.x_stride;
  const float factor = p.norm_weight != nullptr ? rms_factor(p, x) : 1.0f;
  for (int tile = threadIdx.x / 32; tile < p.n_tiles; tile += kWarps) {
    float v[8], squares = 0;
    load_row8(x, p.norm_weight, p.k, tile * 256 + lane * 8, v, squares);
    const float peak = peak8(v);
    const int64_t at = int64_t(group) * p.n_tiles + tile;
    int32_t sum;
    if (p.codes256 != nullptr) {
      const float tile_peak = warp_max(peak, 16);
      store_codes(p.codes256 + at * kTileCodeBytes, row, lane, quantize8(v, inverse_scale(tile_peak), sum));
      sum = quad_sum(sum);
      if (lane % 4 == 0) store_sum(p.sums256 + at * 64, row, lane / 4, sum);
      if (lane == 0) p.scales256[at * kGroupRows + row] = tile_peak * factor / 127.0f;
    }
    if (p.codes32 != nullptr) {
      const float block_peak = warp_max(peak, 2);
      store_codes(p.codes32 + at * kTileCodeBytes, row, lane, quantize8(v, inverse_scale(block_peak), sum));
      if (lane % 4 == 0) p.scales32[(at * 8 + lane / 4) * kGroupRows + row] = block_peak * factor / 127.0f;
    }
  }
}
