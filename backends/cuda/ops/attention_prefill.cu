// Attention for steps with prompt chunks, in two launches: rope_append brings queries, keys and values to
// where they belong; attn_prefill_* attends, 64 query rows of one head a CTA, or attn_simple for head sizes
// without a tensor-core kernel.
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/ops/attention_tile.cuh"
#include "backends/cuda/ops/log2e.cuh"

namespace dunlin::cuda {
namespace {

constexpr int kMaxHeadDim = 256;

__device__ __forceinline__ const int32_t* block_table_of(const AttentionParams& p, int32_t sequence) {
  return p.step.block_tables + int64_t(sequence) * p.step.n_blocks_per_sequence;
}

// Query rows [first, first + n) of a sequence.
struct QueryTile {
  int32_t sequence, first, n;
};

// The tile of this index; n 0 if there are fewer.
__device__ QueryTile find_tile(const AttentionParams& p, int index, int tile_rows) {
  const int n_sequences = p.step.counts[kStepSequences];
  for (int s = 0; s < n_sequences; ++s) {
    const int32_t n_rows = p.step.sequences[s].n_rows;
    const int n_tiles = (n_rows + tile_rows - 1) / tile_rows;
    if (index < n_tiles) {
      const int32_t first = index * tile_rows;
      return {s, first, min(tile_rows, n_rows - first)};
    }
    index -= n_tiles;
  }
  return {0, 0, 0};
}

template <KvFormat F, int kHeadDim>
__device__ __forceinline__ void attend_tile(const AttentionParams& p) {
  extern __shared__ __align__(16) float queries[];
  pdl_launch_dependents();
  pdl_wait();
  const QueryTile tile = find_tile(p, blockIdx.x, kPrefillTileRows);
  if (tile.n == 0) return;
  const SequenceView& sequence = p.step.sequences[tile.sequence];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, head = blockIdx.y;
  const int kv = head / (p.n_head / p.kv.n_head_kv);
  const int64_t first_row = sequence.first_row + tile.first;
  for (int i = threadIdx.x; i < tile.n * kHeadDim; i += blockDim.x)
    queries[i] = __ldcg(p.q + ((first_row + i / kHeadDim) * p.n_head + head) * kHeadDim + i % kHeadDim) *
                 p.scale * kLog2E;
  __syncthreads();
  const int row0 = 16 * warp, n_rows = min(16, tile.n - row0);
  if (n_rows <= 0) return;
  AttentionTile<F, kHeadDim> t;
  t.load_queries(queries + row0 * kHeadDim, n_rows, lane);
  Visibility seen;
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int32_t position = sequence.kv_begin + tile.first + row0 + min(lane / 4 + 8 * r, n_rows - 1);
    seen.first[r] = p.window > 0 ? max(0, position - p.window + 1) : 0;
    seen.end[r] = position + 1;
  }
  const int32_t first_position = sequence.kv_begin + tile.first + row0;
  const int32_t begin = p.window > 0 ? max(0, first_position - p.window + 1) / 16 * 16 : 0;
  const int32_t end = first_position + n_rows;
  seen.stored = end;
  const int32_t* table = block_table_of(p, tile.sequence);
  for (int32_t at = begin; at < end; at += 16)
    t.add_tokens(kv_head(p.kv, table[at / kKvBlockTokens], kv), at % kKvBlockTokens, at, seen, lane);
  t.finish_sums();
  t.for_outputs(lane, [&](int r, int d, float v) {
    if (r < n_rows) p.out[((first_row + row0 + r) * p.n_head + head) * kHeadDim + d] = v / t.sum[r / 8];
  });
}

}  // namespace
}  // namespace dunlin::cuda

using dunlin::cuda::AttentionParams;
using dunlin::cuda::KvFormat;

// A warp a head of a row: query heads, then key heads, then value heads. Grid: (rows of the capacity, parts).
// Block: 128.
extern "C" __global__ void __launch_bounds__(128) rope_append(AttentionParams p) {
  using namespace dunlin::cuda;
  __shared__ float rows[4][kMaxHeadDim];
  pdl_launch_dependents();
  pdl_wait();
  const int row = blockIdx.x;
  if (row >= p.step.counts[kStepRows]) return;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, hd = p.kv.head_dim, n_kv = p.kv.n_head_kv;
  const int32_t position = p.step.positions[row];
  const float2* cos_sin = p.cos_sin + int64_t(row) * (p.n_rot / 2);
  const int32_t block = block_table_of(p, p.step.row_sequence[row])[position / kKvBlockTokens];
  for (int h = blockIdx.y * 4 + warp; h < p.n_head + 2 * n_kv; h += gridDim.y * 4) {
    const bool is_query = h < p.n_head, is_key = !is_query && h < p.n_head + n_kv;
    // Queries that nothing happens to stay where they are.
    if (is_query && p.n_rot == 0 && p.q_norm == nullptr) continue;
    const int kv = is_key ? h - p.n_head : h - p.n_head - n_kv;
    const float* from = is_query ? p.q + (int64_t(row) * p.n_head + h) * hd
                                 : (is_key ? p.k : p.v) + (int64_t(row) * n_kv + kv) * hd;
    for (int d = lane; d < hd; d += 32) rows[warp][d] = __ldcg(from + d);
    __syncwarp();
    if (is_query || is_key)
      norm_and_rotate(rows[warp], hd, is_query ? p.q_norm : p.k_norm, p.norm_eps, cos_sin, p.n_rot);
    if (is_query) {
      for (int d = lane; d < hd; d += 32) p.q[(int64_t(row) * p.n_head + h) * hd + d] = rows[warp][d];
    } else {
      store_kv_row(p.kv.format, hd, kv_head(p.kv, block, kv), is_key ? 0 : 1, position % kKvBlockTokens,
                   rows[warp]);
    }
    __syncwarp();
  }
}

#define DUNLIN_ATTN_PREFILL(name, format, head_dim)                                             \
  extern "C" __global__ void __launch_bounds__(128, 2) attn_prefill_##name(AttentionParams p) { \
    dunlin::cuda::attend_tile<format, head_dim>(p);                                             \
  }

DUNLIN_ATTN_PREFILL(f16_64, KvFormat::kF16, 64)
DUNLIN_ATTN_PREFILL(f16_128, KvFormat::kF16, 128)
DUNLIN_ATTN_PREFILL(q8_64, KvFormat::kQ8_0, 64)
DUNLIN_ATTN_PREFILL(q8_128, KvFormat::kQ8_0, 128)
DUNLIN_ATTN_PREFILL(fp8_64, KvFormat::kFp8, 64)
DUNLIN_ATTN_PREFILL(fp8_128, KvFormat::kFp8, 128)

// Any head size: a warp a (row, query head), lanes over dimensions, a token at a time. Grid: (rows, query
// heads). Block: 32.
extern "C" __global__ void __launch_bounds__(32) attn_simple(AttentionParams p) {
  using namespace dunlin::cuda;
  pdl_launch_dependents();
  pdl_wait();
  const int row = blockIdx.x, head = blockIdx.y, lane = threadIdx.x, hd = p.kv.head_dim;
  if (row >= p.step.counts[kStepRows]) return;
  const int kv = head / (p.n_head / p.kv.n_head_kv);
  const int32_t position = p.step.positions[row];
  const int32_t* table = block_table_of(p, p.step.row_sequence[row]);
  const int row_bytes = kv_row_bytes(p.kv.format, hd), scale_bytes = kv_scale_row_bytes(p.kv.format, hd);
  const auto value = [&](const KvHead& h, int part, int token, int d) {
    const uint8_t* at = h.base + (part * kKvBlockTokens + token) * row_bytes;
    if (p.kv.format == KvFormat::kF16) return __half2float(reinterpret_cast<const __half*>(at)[d]);
    const __half* scales = reinterpret_cast<const __half*>(h.base + 2 * kKvBlockTokens * row_bytes +
                                                           (part * kKvBlockTokens + token) * scale_bytes);
    if (p.kv.format == KvFormat::kFp8)
      return half_bits_to_float(e4m3x2_to_halves(at[d], false) & 0xFFFFu) * kE4m3Unit * __half2float(*scales);
    return float(reinterpret_cast<const int8_t*>(at)[d]) * __half2float(scales[d / 32]);
  };
  constexpr int kSlots = kMaxHeadDim / 32;
  float q[kSlots] = {}, acc[kSlots] = {};
  for (int i = 0; i < kSlots; ++i)
    if (32 * i + lane < hd) q[i] = p.q[(int64_t(row) * p.n_head + head) * hd + 32 * i + lane];
  float peak = -INFINITY, sum = 0;
  for (int32_t at = p.window > 0 ? max(0, position - p.window + 1) : 0; at <= position; ++at) {
    const KvHead h = kv_head(p.kv, table[at / kKvBlockTokens], kv);
    float score = 0;
    for (int i = 0; i < kSlots; ++i)
      if (32 * i + lane < hd) score += q[i] * value(h, 0, at % kKvBlockTokens, 32 * i + lane);
    for (int step = 16; step > 0; step /= 2) score += __shfl_xor_sync(0xffffffffu, score, step);
    score *= p.scale;
    const float new_peak = fmaxf(peak, score), decay = expf(peak - new_peak), weight = expf(score - new_peak);
    peak = new_peak;
    sum = sum * decay + weight;
    for (int i = 0; i < kSlots; ++i)
      if (32 * i + lane < hd)
        acc[i] = acc[i] * decay + weight * value(h, 1, at % kKvBlockTokens, 32 * i + lane);
  }
  for (int i = 0; i < kSlots; ++i)
    if (32 * i + lane < hd) p.out[(int64_t(row) * p.n_head + head) * hd + 32 * i + lane] = acc[i] / sum;
}
