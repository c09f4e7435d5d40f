// attn_decode_*: one query row a sequence. A CTA takes one kv head, all query heads of its group as the rows of
// an mma, and a range of tokens. It norms and rotates its queries itself; the CTA whose range ends with the new
// token also puts that token's key and value into the cache. Ranges depend on the sequence's own length only.
//
// Grid: (kv heads, n_splits, rows of the capacity). Block: 256. Dynamic shared memory: decode_shared_bytes().
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/ops/attention_tile.cuh"

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

// Shared memory: q [group][hd] | k [hd] | v [hd] | cos, sin [hd / 2] | acc [warp][group][hd] | peak, sum
// [warp][16].
template <int kHeadDim>
struct Shared {
  float* q;
  float* k;
  float* v;
  float2* cos_sin;
  float* acc;
  float* peak;
  float* sum;

  __device__ Shared(float* base, int group)
      : q(base),
        k(q + group * kHeadDim),
        v(k + kHeadDim),
        cos_sin(reinterpret_cast<float2*>(v + kHeadDim)),
        acc(v + 2 * kHeadDim),
        peak(acc + kAttentionWarps * group * kHeadDim),
        sum(peak + kAttentionWarps * 16) {}
};

template <int kHeadDim>
__device__ void load_inputs(const AttentionParams& p, const Shared<kHeadDim>& s, int row, int head, int group,
                            int32_t position, bool appends) {
  const float* q = p.q + (int64_t(row) * p.n_head + head * group) * kHeadDim;
  for (int i = threadIdx.x; i < group * kHeadDim; i += blockDim.x) s.q[i] = __ldcg(q + i);
  if (appends) {
    const int64_t at = (int64_t(row) * p.kv.n_head_kv + head) * kHeadDim;
    for (int i = threadIdx.x; i < kHeadDim; i += blockDim.x) {
      s.k[i] = __ldcg(p.k + at + i);
      s.v[i] = __ldcg(p.v + at + i);
    }
  }
  fill_cos_sin(p, position, s.cos_sin);
  __syncthreads();
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  for (int h = warp; h < group + (appends ? 1 : 0); h += kAttentionWarps) {
    const bool is_key = h == group;
    float* at = is_key ? s.k : s.q + h * kHeadDim;
    norm_and_rotate(at, kHeadDim, is_key ? p.k_norm : p.q_norm, p.norm_eps, s.cos_sin, p.n_rot);
    if (!is_key)
      for (int d = lane; d < kHeadDim; d += 32) at[d] *= p.scale * kLog2E;
  }
  __syncthreads();
  if (!appends) return;
  const int32_t block = p.step.block_tables[int64_t(p.step.row_sequence[row]) * p.step.n_blocks_per_sequence +
                                            position / kKvBlockTokens];
  if (warp < 2) store_kv_row(p.kv, kv_head(p.kv, block, head), warp, position % kKvBlockTokens, warp == 0 ? s.k : s.v);
  __syncthreads();
}

// Adds the warps' results in order: element i of the group's [group][hd] relative to the common peak.
template <int kHeadDim>
__device__ __forceinline__ float merge_warps(const Shared<kHeadDim>& s, int group, int i, float& peak, float& sum) {
  const int row = i / kHeadDim;
  peak = -INFINITY;
  for (int w = 0; w < kAttentionWarps; ++w) peak = fmaxf(peak, s.peak[w * 16 + row]);
  float acc = 0;
  sum = 0;
  for (int w = 0; w < kAttentionWarps; ++w) {
    const float weight = exp2f(s.peak[w * 16 + row] - peak);
    sum += weight * s.sum[w * 16 + row];
    acc += weight * s.acc[w * group * kHeadDim + i];
  }
  return acc;
}

// The last CTA of a (row, kv head) adds all ranges in order.
template <int kHeadDim>
__device__ void merge_splits(const AttentionParams& p, const float* partials, int stride, int n_active, int group,
                             float* out) {
  const int n = group * kHeadDim;
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    const int row = i / kHeadDim;
    float peak = -INFINITY, acc = 0, sum = 0;
    for (int s = 0; s < n_active; ++s) peak = fmaxf(peak, __ldcg(partials + s * stride + n + row));
    for (int s = 0; s < n_active; ++s) {
      const float* part = partials + s * stride;
      const float weight = exp2f(__ldcg(part + n + row) - peak);
      sum += weight * __ldcg(part + n + group + row);
      acc += weight * __ldcg(part + i);
    }
    out[i] = acc / sum;
  }
}

template <KvFormat F, int kHeadDim, bool kUpper>
__device__ __forceinline__ void attend(const AttentionParams& p) {
  extern __shared__ __align__(16) float shared[];
  __shared__ bool is_last;
  pdl_launch_dependents();
  pdl_wait();
  const int head = blockIdx.x, split = blockIdx.y, row = blockIdx.z;
  if (row >= p.step.counts[kStepRows]) return;
  const int group = p.n_head / p.kv.n_head_kv;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int32_t position = p.step.positions[row];
  const int32_t first = p.window > 0 ? max(0, position - p.window + 1) : 0;
  const Range range = split_range(first, position + 1, p.n_splits, split);
  if (split >= range.n_active) return;
  const Shared<kHeadDim> s(shared, group);
  load_inputs(p, s, row, head, group, position, split == range.n_active - 1);

  AttentionTile<F, kHeadDim, kUpper> tile;
  tile.load_queries(s.q, group, lane);
  const Visibility seen{{first, first}, {position + 1, position + 1}, position + 1};
  const int32_t* table = p.step.block_tables + int64_t(p.step.row_sequence[row]) * p.step.n_blocks_per_sequence;
  for (int32_t at = range.begin + 16 * warp; at < range.end; at += kSplitTokens)
    tile.add_tokens(kv_head(p.kv, table[at / kKvBlockTokens], head), at % kKvBlockTokens, at, seen, lane);
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
  __syncthreads();

  const int stride = attention_partial_floats(group, kHeadDim), n = group * kHeadDim;
  const int64_t index = int64_t(row) * p.kv.n_head_kv + head;
  float* out = p.out + index * n;
  float* partials = p.partials + index * p.n_splits * stride;
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    float peak, sum;
    const float acc = merge_warps(s, group, i, peak, sum);
    if (range.n_active == 1) {
      out[i] = acc / sum;
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
  merge_splits<kHeadDim>(p, partials, stride, range.n_active, group, out);
}

}  // namespace
}  // namespace dunlin::cuda

using dunlin::cuda::AttentionParams;
using dunlin::cuda::KvFormat;

// Groups of up to 8 query heads leave the upper half of an mma idle; those of up to 16 use it.
#define DUNLIN_ATTN_DECODE(name, format, head_dim)                                              \
  extern "C" __global__ void __launch_bounds__(256, 1) attn_decode_##name(AttentionParams p) {   \
    dunlin::cuda::attend<format, head_dim, false>(p);                                           \
  }                                                                                             \
  extern "C" __global__ void __launch_bounds__(256, 1) attn_decode16_##name(AttentionParams p) { \
    dunlin::cuda::attend<format, head_dim, true>(p);                                            \
  }

DUNLIN_ATTN_DECODE(f16_64, KvFormat::kF16, 64)
DUNLIN_ATTN_DECODE(f16_128, KvFormat::kF16, 128)
DUNLIN_ATTN_DECODE(q8_64, KvFormat::kQ8_0, 64)
DUNLIN_ATTN_DECODE(q8_128, KvFormat::kQ8_0, 128)
