// attn_decode_*: one query row a sequence. A CTA takes one kv head, all query heads of its group as the rows of
// an mma, and a range of tokens, of which each warp takes 16 at a time. Warps norm and rotate the queries for
// themselves; the warp whose tokens end with the new one first puts its key and value into the cache. Ranges
// depend on the sequence's own length only. One barrier, before the warps' results are merged.
//
// Grid: (kv heads, n_splits, rows of the capacity). Block: 256. Dynamic shared memory: decode_shared_bytes().
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/ops/attention_tile.cuh"
#include "backends/cuda/ops/emit_row.cuh"

namespace dunlin::cuda {
namespace {

constexpr float kLog2E = 1.4426950408889634f;

struct Range {
  int32_t begin, end;  // positions
  int32_t n_active;    // ranges that are not empty
};

// The range of this split of positions [first, end): whole turns of 128 tokens, as few as n_splits allow.
__device__ __forceinline__ Range split_range(int32_t first, int32_t end, int32_t n_splits, int32_t split) {
  first = first / kSplitTokens * kSplitTokens;
  const int32_t turns = (end - first + kSplitTokens - 1) / kSplitTokens;
  const int32_t tokens = (turns + n_splits - 1) / n_splits * kSplitTokens;
  const int32_t n_active = (end - first + tokens - 1) / tokens;
  return {first + split * tokens, min(first + (split + 1) * tokens, end), n_active};
}

// Shared memory: acc [warp][group][hd] | peak, sum [warp][16] | k, v [hd].
template <int kHeadDim>
struct Shared {
  float* acc;
  float* peak;
  float* sum;
  float* row;

  __device__ Shared(float* base, int group)
      : acc(base),
        peak(base + kAttentionWarps * group * kHeadDim),
        sum(peak + kAttentionWarps * 16),
        row(sum + kAttentionWarps * 16) {}
};

// The new token's key and value, by one warp, which sees them in the cache from here on.
template <int kHeadDim>
__device__ void append(const AttentionParams& p, const Shared<kHeadDim>& s, int row, int head, int32_t position,
                       const int32_t* table, const float2* cos_sin) {
  const int lane = threadIdx.x % 32;
  const int64_t at = (int64_t(row) * p.kv.n_head_kv + head) * kHeadDim;
  float* key = s.row;
  float* value = s.row + kHeadDim;
  for (int d = lane; d < kHeadDim; d += 32) {
    key[d] = __ldcg(p.k + at + d);
    value[d] = __ldcg(p.v + at + d);
  }
  __syncwarp();
  norm_and_rotate(key, kHeadDim, p.k_norm, p.norm_eps, cos_sin, p.n_rot);
  const KvHead cache = kv_head(p.kv, table[position / kKvBlockTokens], head);
  store_kv_row(p.kv, cache, 0, position % kKvBlockTokens, key);
  store_kv_row(p.kv, cache, 1, position % kKvBlockTokens, value);
  __syncwarp();
}

// The first n_warps warps' results in order: element i of the group's [group][hd] relative to the common peak.
template <int kHeadDim>
__device__ __forceinline__ float merge_warps(const Shared<kHeadDim>& s, int group, int n_warps, int i, float& peak,
                                             float& sum) {
  const int row = i / kHeadDim;
  peak = -INFINITY;
  for (int w = 0; w < n_warps; ++w) peak = fmaxf(peak, s.peak[w * 16 + row]);
  float acc = 0;
  sum = 0;
  for (int w = 0; w < n_warps; ++w) {
    const float weight = exp2f(s.peak[w * 16 + row] - peak);
    sum += weight * s.sum[w * 16 + row];
    acc += weight * s.acc[w * group * kHeadDim + i];
  }
  return acc;
}

// All ranges of a (row, kv head) in order.
template <int kHeadDim>
__device__ __forceinline__ float merge_splits(const float* partials, int stride, int n_active, int group, int i) {
  const int n = group * kHeadDim, row = i / kHeadDim;
  float peak = -INFINITY, acc = 0, sum = 0;
  for (int s = 0; s < n_active; ++s) peak = fmaxf(peak, __ldcg(partials + s * stride + n + row));
#pragma unroll 4
  for (int s = 0; s < n_active; ++s) {
    const float* part = partials + s * stride;
    const float weight = exp2f(__ldcg(part + n + row) - peak);
    sum += weight * __ldcg(part + n + group + row);
    acc += weight * __ldcg(part + i);
  }
  return acc / sum;
}

template <KvFormat F, int kHeadDim, bool kUpper>
__device__ __forceinline__ void attend(const AttentionParams& p) {
  extern __shared__ __align__(16) float shared[];
  __shared__ bool is_last;
  pdl_launch_dependents();
  pdl_wait();
  const int head = blockIdx.x, split = blockIdx.y, row = blockIdx.z;
  const int32_t position = p.step.positions[row], sequence = p.step.row_sequence[row];
  if (row >= p.step.counts[kStepRows]) return;
  const int group = p.n_head / p.kv.n_head_kv;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int32_t first = p.window > 0 ? max(0, position - p.window + 1) : 0;
  const Range range = split_range(first, position + 1, p.n_splits, split);
  if (split >= range.n_active) return;
  const Shared<kHeadDim> s(shared, group);
  const int32_t* table = p.step.block_tables + int64_t(sequence) * p.step.n_blocks_per_sequence;
  const float2* cos_sin = p.n_rot > 0 ? p.cos_sin + int64_t(row) * (kHeadDim / 2) : nullptr;
  // Warps that have any tokens.
  const int n_warps = min(kAttentionWarps, (range.end - range.begin + 15) / 16);

  if (warp < n_warps) {
    AttentionTile<F, kHeadDim, kUpper> tile;
    const float* heads = p.q + (int64_t(row) * p.n_head + head * group) * kHeadDim;
    tile.load_heads(heads, group, p.q_norm, p.norm_eps, cos_sin, p.scale * kLog2E, lane);
    const Visibility seen{{first, first}, {position + 1, position + 1}, position + 1};
    for (int32_t at = range.begin + 16 * warp; at < range.end; at += kSplitTokens) {
      if (at <= position && position < at + 16) append(p, s, row, head, position, table, cos_sin);
      tile.add_tokens(kv_head(p.kv, table[at / kKvBlockTokens], head), at % kKvBlockTokens, at, seen, lane);
    }
    tile.finish_sums();
    tile.for_outputs(lane, [&](int r, int d, float v) {
      if (r < group) s.acc[(warp * group + r) * kHeadDim + d] = v;
    });
    if (lane % 4 == 0) {
#pragma unroll
      for (int r = 0; r < (kUpper ? 2 : 1); ++r) {
        s.peak[warp * 16 + lane / 4 + 8 * r] = tile.peak[r];
        s.sum[warp * 16 + lane / 4 + 8 * r] = tile.sum[r];
      }
    }
  }
  __syncthreads();

  const int stride = attention_partial_floats(group, kHeadDim), n = group * kHeadDim;
  const int64_t index = int64_t(row) * p.kv.n_head_kv + head;
  float* out = p.out + index * n;
  float* partials = p.partials + index * p.n_splits * stride;
  const auto store = [&](int i, float v) {
    out[i] = v;
    if (p.emission.row.codes != nullptr) emit16(p.emission, int(index) * n + i / 16 * 16, v, true);
  };
  for (int i = threadIdx.x; i < n; i += blockDim.x) {  // n is a multiple of 64: whole warps
    float peak, sum;
    const float acc = merge_warps(s, group, n_warps, i, peak, sum);
    if (range.n_active == 1) {
      store(i, acc / sum);
      continue;
    }
    partials[split * stride + i] = acc;
    if (i % kHeadDim != 0) continue;
    partials[split * stride + n + i / kHeadDim] = peak;
    partials[split * stride + n + group + i / kHeadDim] = sum;
  }
  if (range.n_active == 1) return;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) is_last = atomicAdd(p.arrived + index, 1u) == uint32_t(range.n_active - 1);
  __syncthreads();
  if (!is_last) return;
  __threadfence();
  if (threadIdx.x == 0) p.arrived[index] = 0;
  for (int i = threadIdx.x; i < n; i += blockDim.x)
    store(i, merge_splits<kHeadDim>(partials, stride, range.n_active, group, i));
}

}  // namespace
}  // namespace dunlin::cuda

using dunlin::cuda::AttentionParams;
using dunlin::cuda::KvFormat;

// Groups of up to 8 query heads leave the upper half of an mma idle; those of up to 16 use it.
#define DUNLIN_ATTN_DECODE(name, format, head_dim)                                               \
  extern "C" __global__ void __launch_bounds__(256, 1) attn_decode_##name(AttentionParams p) {   \
    dunlin::cuda::attend<format, head_dim, false>(p);                                            \
  }                                                                                              \
  extern "C" __global__ void __launch_bounds__(256, 1) attn_decode16_##name(AttentionParams p) { \
    dunlin::cuda::attend<format, head_dim, true>(p);                                             \
  }

DUNLIN_ATTN_DECODE(f16_64, KvFormat::kF16, 64)
DUNLIN_ATTN_DECODE(f16_128, KvFormat::kF16, 128)
DUNLIN_ATTN_DECODE(q8_64, KvFormat::kQ8_0, 64)
DUNLIN_ATTN_DECODE(q8_128, KvFormat::kQ8_0, 128)
