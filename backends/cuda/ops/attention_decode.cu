// attn_decode_*: one query row a sequence. A CTA takes one kv head, all query heads of its group as the rows
// of an mma, and a range of tokens, of which each warp takes 16 at a time. Warps norm and rotate the queries
// for themselves; the warp whose tokens end with the new one first puts its key and value into the cache.
// Ranges depend on the sequence's own length only. One barrier, before the warps' results are merged.
//
// Grid: (kv heads, any number up to n_splits, rows of the capacity). Block: 128. Dynamic shared memory:
// decode_shared_bytes().
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

// The range of this split of positions [first, end): whole turns of 64 tokens, as few as n_splits allow.
__device__ __forceinline__ Range split_range(int32_t first, int32_t end, int32_t n_splits, int32_t split) {
  first = first / kSplitTokens * kSplitTokens;
  const int32_t turns = (end - first + kSplitTokens - 1) / kSplitTokens;
  const int32_t tokens = (turns + n_splits - 1) / n_splits * kSplitTokens;
  const int32_t n_active = (end - first + tokens - 1) / tokens;
  return {first + split * tokens, min(first + (split + 1) * tokens, end), n_active};
}

// Shared memory: acc [warp][group][row stride] | peak, sum [warp][16] | k, v [hd]. Rows are a little longer
// than a head, against bank conflicts.
template <int kHeadDim>
struct Shared {
  static constexpr int kStride = kHeadDim + 4;
  float* acc;
  float* peak;
  float* sum;
  float* row;

  __device__ Shared(float* base, int group)
      : acc(base),
        peak(base + kAttentionWarps * group * kStride),
        sum(peak + kAttentionWarps * 16),
        row(sum + kAttentionWarps * 16) {}
};

// The new token's key and value, by one warp. They are loaded before it is known which warp will need them.
template <KvFormat F, int kHeadDim>
struct NewRow {
  static constexpr int kPerLane = kHeadDim / 32;  // neighbouring dimensions
  float key[kPerLane], value[kPerLane];
  float2 cos_sin[kPerLane];

  __device__ __forceinline__ void load(const AttentionParams& p, int row, int head, const float2* table,
                                       int lane) {
    const int64_t at = (int64_t(row) * p.kv.n_head_kv + head) * kHeadDim + lane * kPerLane;
#pragma unroll
    for (int e = 0; e < kPerLane; ++e) {
      key[e] = __ldcg(p.k + at + e);
      value[e] = __ldcg(p.v + at + e);
      if (table != nullptr) cos_sin[e] = __ldcg(table + (lane * kPerLane + e) % (kHeadDim / 2));
    }
  }

  // Norm, rotation, and into the cache, where the warp sees them from here on. scratch: [2 * kHeadDim].
  __device__ __forceinline__ void append(const AttentionParams& p, const KvHead& cache, int token,
                                         float* scratch, int lane) {
    if (p.k_norm != nullptr) {
      float squares = 0;
#pragma unroll
      for (int e = 0; e < kPerLane; ++e) squares += key[e] * key[e];
      for (int step = 16; step > 0; step /= 2) squares += __shfl_xor_sync(0xffffffffu, squares, step);
      const float factor = rsqrtf(squares / float(kHeadDim) + p.norm_eps);
#pragma unroll
      for (int e = 0; e < kPerLane; ++e) key[e] *= factor * __ldg(p.k_norm + lane * kPerLane + e);
    }
#pragma unroll
    for (int e = 0; e < kPerLane; ++e) {
      // The other half of the pair is half a head, 16 lanes, away.
      const float other = __shfl_xor_sync(0xffffffffu, key[e], 16);
      const float sine = lane < 16 ? -cos_sin[e].y : cos_sin[e].y;
      scratch[lane * kPerLane + e] = p.n_rot > 0 ? key[e] * cos_sin[e].x + other * sine : key[e];
      scratch[kHeadDim + lane * kPerLane + e] = value[e];
    }
    __syncwarp();
    store_kv_row(F, kHeadDim, cache, 0, token, scratch);
    store_kv_row(F, kHeadDim, cache, 1, token, scratch + kHeadDim);
    __syncwarp();
  }
};

// Four neighbouring outputs of a head, by one thread; four lanes have a group of 16.
struct Outputs4 {
  float v[4];

  __device__ __forceinline__ void add(const float4& f, float weight) {
    v[0] += weight * f.x, v[1] += weight * f.y, v[2] += weight * f.z, v[3] += weight * f.w;
  }
  __device__ __forceinline__ void store(float* to) const {
    *reinterpret_cast<float4*>(to) = make_float4(v[0], v[1], v[2], v[3]);
  }
  // Codes for the linear that follows: emit16() of emit_row.cuh, without a norm, by the four lanes of
  // `lanes`.
  __device__ __forceinline__ void emit(const RowEmission& e, int column, uint32_t lanes) const {
    float peak = fmaxf(fmaxf(fabsf(v[0]), fabsf(v[1])), fmaxf(fabsf(v[2]), fabsf(v[3])));
    peak = fmaxf(peak, __shfl_xor_sync(lanes, peak, 1));
    peak = fmaxf(peak, __shfl_xor_sync(lanes, peak, 2));
    const float inverse = peak > 0 ? 127.0f / peak : 0.0f;
    uint32_t word = 0;
    int32_t sum = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int32_t code = __float2int_rn(v[i] * inverse);
      sum += code;
      word |= uint32_t(code & 255) << (8 * i);
    }
    sum += __shfl_xor_sync(lanes, sum, 1);
    sum += __shfl_xor_sync(lanes, sum, 2);
    *reinterpret_cast<uint32_t*>(e.row.codes + column) = word;
    if (column % 16 != 0) return;
    const float scale = peak / 127.0f;
    e.row.scales[column / 16] = scale;
    e.row.products[column / 16] = scale * float(sum);
  }
};

// The weights of n partial results of each row, relative to their common peak and, if normalized, to their
// sum: weights[i * kMaxRows + row]. peak_of and sum_of (i, row) give what is known of each. Ends with a
// barrier.
constexpr int kMaxRows = 16;
template <typename PeakOf, typename SumOf>
__device__ __forceinline__ void fill_weights(float* weights, float* peaks, float* sums, int n, int group,
                                             bool normalized, PeakOf peak_of, SumOf sum_of) {
  // A warp a row, a lane every 32nd partial result.
  const int lane = threadIdx.x % 32;
#pragma unroll 1
  for (int row = threadIdx.x / 32; row < group; row += kAttentionWarps) {
    float peak = -INFINITY, sum = 0;
#pragma unroll 1
    for (int i = lane; i < n; i += 32) peak = fmaxf(peak, peak_of(i, row));
    for (int step = 16; step > 0; step /= 2) peak = fmaxf(peak, __shfl_xor_sync(0xffffffffu, peak, step));
#pragma unroll 1
    for (int i = lane; i < n; i += 32) sum += exp2f(peak_of(i, row) - peak) * sum_of(i, row);
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    const float factor = normalized ? 1 / sum : 1.0f;
#pragma unroll 1
    for (int i = lane; i < n; i += 32) weights[i * kMaxRows + row] = exp2f(peak_of(i, row) - peak) * factor;
    if (lane == 0) peaks[row] = peak, sums[row] = sum;
  }
  __syncthreads();
}

template <KvFormat F, int kHeadDim, bool kUpper>
__device__ __forceinline__ void attend(const AttentionParams& p) {
  extern __shared__ __align__(16) float shared[];
  __shared__ float weights[kMaxAttentionSplits * kMaxRows], peaks[kMaxRows], sums[kMaxRows];
  __shared__ bool is_last;
  pdl_launch_dependents();
  pdl_wait();
  const int head = blockIdx.x, row = blockIdx.z;
  const int32_t position = p.step.positions[row];
  if (row >= p.step.counts[kStepRows]) return;
  const int group = p.n_head / p.kv.n_head_kv;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const float2* cos_sin = p.n_rot > 0 ? p.cos_sin + int64_t(row) * (kHeadDim / 2) : nullptr;
  NewRow<F, kHeadDim> fresh;
  fresh.load(p, row, head, cos_sin, lane);
  const int32_t first = p.window > 0 ? max(0, position - p.window + 1) : 0;
  const Shared<kHeadDim> s(shared, group);
  // Every sequence has one row: they have the same index.
  const int32_t* table = p.step.block_tables + int64_t(row) * p.step.n_blocks_per_sequence;
  const int stride = attention_partial_floats(group, kHeadDim), n = group * kHeadDim;
  const int64_t index = int64_t(row) * p.kv.n_head_kv + head;
  float* partials = p.partials + index * p.n_splits * stride;
  // The thread's items are four outputs each; all four lanes of a group of 16 are here or none.
  const uint32_t quad = 0xfu << (lane / 4 * 4);
  const auto finish = [&](const Outputs4& out, int i) {
    out.store(p.out + index * n + i);
    if (p.emission.row.codes != nullptr) out.emit(p.emission, int(index) * n + i, quad);
  };

  for (int split = blockIdx.y;; split += gridDim.y) {
    const Range range = split_range(first, position + 1, p.n_splits, split);
    if (split >= range.n_active) return;
    // Warps that have any tokens.
    const int n_warps = min(kAttentionWarps, (range.end - range.begin + 15) / 16);
    if (warp < n_warps) {
      AttentionTile<F, kHeadDim, kUpper> tile;
      const float* heads = p.q + (int64_t(row) * p.n_head + head * group) * kHeadDim;
      tile.load_heads(heads, group, p.q_norm, p.norm_eps, cos_sin, p.scale * kLog2E, lane);
      const Visibility seen{{first, first}, {position + 1, position + 1}, position + 1};
#pragma unroll 1
      for (int32_t at = range.begin + 16 * warp; at < range.end; at += kSplitTokens) {
        const KvHead cache = kv_head(p.kv, table[at / kKvBlockTokens], head);
        if (at <= position && position < at + 16)
          fresh.append(p, cache, position % kKvBlockTokens, s.row, lane);
        tile.add_tokens(cache, at % kKvBlockTokens, at, seen, lane);
      }
      tile.finish_sums();
      tile.for_outputs(lane, [&](int r, int d, float v) {
        if (r < group) s.acc[(warp * group + r) * Shared<kHeadDim>::kStride + d] = v;
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
    const bool alone = range.n_active == 1;
    fill_weights(
        weights, peaks, sums, n_warps, group, alone, [&](int w, int r) { return s.peak[w * 16 + r]; },
        [&](int w, int r) { return s.sum[w * 16 + r]; });
    float* partial = partials + split * stride;
#pragma unroll 1
    for (int i = 4 * threadIdx.x; i < n; i += 4 * blockDim.x) {
      const int r = i / kHeadDim;
      Outputs4 out{};
#pragma unroll 1
      for (int w = 0; w < n_warps; ++w)
        out.add(*reinterpret_cast<const float4*>(s.acc + (w * group + r) * Shared<kHeadDim>::kStride +
                                                 i % kHeadDim),
                weights[w * kMaxRows + r]);
      if (alone) {
        finish(out, i);
      } else {
        out.store(partial + i);
      }
    }
    if (alone) return;
    if (threadIdx.x < group) {
      partial[n + threadIdx.x] = peaks[threadIdx.x];
      partial[n + group + threadIdx.x] = sums[threadIdx.x];
    }
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) is_last = atomicAdd(p.arrived + index, 1u) == uint32_t(range.n_active - 1);
    __syncthreads();
    if (!is_last) continue;
    __threadfence();
    if (threadIdx.x == 0) p.arrived[index] = 0;
    fill_weights(
        weights, peaks, sums, range.n_active, group, true,
        [&](int i, int r) { return __ldcg(partials + i * stride + n + r); },
        [&](int i, int r) { return __ldcg(partials + i * stride + n + group + r); });
#pragma unroll 1
    for (int i = 4 * threadIdx.x; i < n; i += 4 * blockDim.x) {
      Outputs4 out{};
#pragma unroll 8
      for (int q = 0; q < range.n_active; ++q)
        out.add(__ldcg(reinterpret_cast<const float4*>(partials + q * stride + i)),
                weights[q * kMaxRows + i / kHeadDim]);
      finish(out, i);
    }
    return;
  }
}

}  // namespace
}  // namespace dunlin::cuda

using dunlin::cuda::AttentionParams;
using dunlin::cuda::KvFormat;

// Groups of up to 8 query heads leave the upper half of an mma idle; those of up to 16 use it.
#define DUNLIN_ATTN_DECODE(name, format, head_dim)                                               \
  extern "C" __global__ void __launch_bounds__(128, 2) attn_decode_##name(AttentionParams p) {   \
    dunlin::cuda::attend<format, head_dim, false>(p);                                            \
  }                                                                                              \
  extern "C" __global__ void __launch_bounds__(128, 2) attn_decode16_##name(AttentionParams p) { \
    dunlin::cuda::attend<format, head_dim, true>(p);                                             \
  }

DUNLIN_ATTN_DECODE(f16_64, KvFormat::kF16, 64)
DUNLIN_ATTN_DECODE(f16_128, KvFormat::kF16, 128)
DUNLIN_ATTN_DECODE(q8_64, KvFormat::kQ8_0, 64)
DUNLIN_ATTN_DECODE(q8_128, KvFormat::kQ8_0, 128)
