// attn_decode_*: one query row a sequence. A CTA takes one kv head, all query heads of its group as the
// columns of an mma (ops/attention_columns.cuh), and a range of tokens, of which each of 8 warps takes 16 at
// a time, the next 16 on their way meanwhile.
//
//   1. Keys and values are asked for before the wait for the kernel that makes the row; behind it the CTA, 16
//      threads a head, norms and rotates the queries into shared memory.
//   2. The CTA of the last range does the same to the new token's key, puts both into the cache, and keeps
//      them in shared memory in the cache's form: the warp that meets the position takes them from there.
//   3. Each warp attends to its tokens; their results are merged in shared memory.
//   4. Of several ranges, partial results go to memory, and every CTA of the kv head adds up a share of the
//      outputs (ops/range_merge.cuh). Ranges depend on the sequence's own length only, and the order of the
//      sums on the ranges, so a result does not depend on its neighbours or on the grid.
//
// Instructions come cold in every layer of a decode step, so code size is latency: what a CTA shares is done
// once, loops that rarely turn are not unrolled.
//
// Grid: (kv heads, any number up to n_splits, sequences of the capacity). Block: 256. Dynamic shared memory:
// attn_decode_shared_bytes().
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/ops/attention_columns.cuh"
#include "backends/cuda/ops/emit_row.cuh"
#include "backends/cuda/ops/log2e.cuh"
#include "backends/cuda/ops/range_merge.cuh"

namespace dunlin::cuda {
namespace {

constexpr int kThreads = 32 * kDecodeWarps;
constexpr int kThreadsPerHead = 16;
constexpr int kHeadsAtATime = kThreads / kThreadsPerHead;
// Shuffles are always of whole warps: of a part of one they take more and longer code. What a lane has no use
// for it computes and does not store.
constexpr uint32_t kWarp = 0xffffffffu;

struct Range {
  int32_t begin, end;  // positions
  int32_t n_active;    // ranges that are not empty
};

// The range of this split of positions [first, end): whole turns of the CTA, as few as n_splits allow.
__device__ __forceinline__ Range split_range(int32_t first, int32_t end, int32_t n_splits, int32_t split) {
  first = first / kKvBlockTokens * kKvBlockTokens;
  if (end - first <= kUnsplitTokens) return {first + split * kUnsplitTokens, end, 1};
  const int32_t turns = (end - first + kSplitTokens - 1) / kSplitTokens;
  int32_t tokens = kSplitTokens, n_active = turns;
  // Divisions are long, and loads wait for them.
  if (turns > n_splits) {
    const int32_t turns_each = (turns + n_splits - 1) / n_splits;
    tokens = turns_each * kSplitTokens;
    n_active = (turns + turns_each - 1) / turns_each;
  }
  return {first + split * tokens, min(first + (split + 1) * tokens, end), n_active};
}

// The new token's key and value in the cache's form.
template <KvFormat F, int kHeadDim>
struct alignas(16) NewToken {
  using Rows = KvRows<F, kHeadDim>;
  uint8_t rows[2][Rows::kRowBytes];
  uint8_t scales[2][Rows::kScaleBytes + 8];

  __device__ __forceinline__ KvPart part(int which) const { return {rows[which], scales[which]}; }
};

// Four (head size 128) or two (64) neighbouring dimensions of the lower and of the upper half of a head: a
// thread's part of it.
template <int kHeadDim>
struct HeadPiece {
  static constexpr int kPer = kHeadDim / 2 / kThreadsPerHead;
  float v[2][kPer];

  __device__ __forceinline__ void load(const float* head, int j) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int e = 0; e < kPer; e += 2) {
        const float2 f = __ldcg(reinterpret_cast<const float2*>(head + half * (kHeadDim / 2) + j * kPer + e));
        v[half][e] = f.x, v[half][e + 1] = f.y;
      }
    }
  }
  // The factor of the head's RMS norm.
  __device__ __forceinline__ float norm_factor(float eps) const {
    float squares = 0;
#pragma unroll
    for (int e = 0; e < kPer; ++e) squares += v[0][e] * v[0][e] + v[1][e] * v[1][e];
#pragma unroll
    for (int step = 1; step < kThreadsPerHead; step *= 2) squares += __shfl_xor_sync(kWarp, squares, step);
    return rsqrtf(squares / float(kHeadDim) + eps);
  }
  __device__ __forceinline__ void normalize(const float* norm, float factor, int j) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int e = 0; e < kPer; ++e)
        v[half][e] *= factor * __ldg(norm + half * (kHeadDim / 2) + j * kPer + e);
    }
  }
  __device__ __forceinline__ void rotate(const float2 (&cos_sin)[kPer]) {
#pragma unroll
    for (int e = 0; e < kPer; ++e) {
      const float low = v[0][e], high = v[1][e];
      v[0][e] = low * cos_sin[e].x - high * cos_sin[e].y;
      v[1][e] = high * cos_sin[e].x + low * cos_sin[e].y;
    }
  }
};

template <KvFormat F, int kHeadDim, int kTiles>
struct Decode {
  using Piece = HeadPiece<kHeadDim>;
  static constexpr int kPer = Piece::kPer;
  using New = NewToken<F, kHeadDim>;

  struct Shared {
    QueryColumns<kHeadDim, kTiles> queries;
    New fresh;
    float peak[kDecodeWarps][8 * kTiles], sum[kDecodeWarps][8 * kTiles];
  };

  const AttentionParams& p;
  Shared& shared;
  float* acc;  // [warp][group][kHeadDim], dynamic shared memory
  int row, head, group;
  int32_t first, position;
  const int32_t* table;

  __device__ __forceinline__ static int warp() { return threadIdx.x / 32; }
  __device__ __forceinline__ static int lane() { return threadIdx.x % 32; }

  // One scale for the head.
  __device__ __forceinline__ void store_new_fp8(const Piece& x, int which, int j, bool active, uint8_t* block,
                                                int token) const {
    using Rows = KvRows<F, kHeadDim>;
    float peak = 0;
#pragma unroll
    for (int e = 0; e < kPer; ++e) peak = fmaxf(peak, fmaxf(fabsf(x.v[0][e]), fabsf(x.v[1][e])));
#pragma unroll
    for (int step = 1; step < kThreadsPerHead; step *= 2)
      peak = fmaxf(peak, __shfl_xor_sync(kWarp, peak, step));
    if (!active) return;
    const Fp8Scale rounding(peak);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int e = 0; e < kPer; e += 2) {
        const int at = half * (kHeadDim / 2) + j * kPer + e;
        const uint16_t codes = rounding.codes(x.v[half][e], x.v[half][e + 1]);
        *reinterpret_cast<uint16_t*>(block + which * Rows::kValuesAt + token * Rows::kRowBytes + at) = codes;
        *reinterpret_cast<uint16_t*>(shared.fresh.rows[which] + at) = codes;
      }
    }
    if (j != 0) return;
    *reinterpret_cast<__half*>(shared.fresh.scales[which]) = rounding.scale;
    *reinterpret_cast<__half*>(block + Rows::kScalesAt +
                               (which * kKvBlockTokens + token) * Rows::kScaleBytes) = rounding.scale;
  }

  // Rounds to the cache's type, into the cache and into `fresh`. By whole warps; active: the lane has a head
  // to store.
  __device__ __forceinline__ void store_new(const Piece& x, int which, int j, bool active) const {
    using Rows = KvRows<F, kHeadDim>;
    uint8_t* block = kv_head(p.kv, table[position / kKvBlockTokens], head).base;
    const int token = position % kKvBlockTokens;
    if constexpr (F == KvFormat::kFp8) return store_new_fp8(x, which, j, active, block, token);
    uint8_t* to = block + which * Rows::kValuesAt + token * Rows::kRowBytes;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int d = half * (kHeadDim / 2) + j * kPer;
      if constexpr (F == KvFormat::kF16) {
        if (!active) return;
#pragma unroll
        for (int e = 0; e < kPer; e += 2) {
          const __half2 h = __halves2half2(saturated_half(x.v[half][e]), saturated_half(x.v[half][e + 1]));
          *reinterpret_cast<__half2*>(to + 2 * (d + e)) = h;
          *reinterpret_cast<__half2*>(shared.fresh.rows[which] + 2 * (d + e)) = h;
        }
      } else {
        float peak = 0;
#pragma unroll
        for (int e = 0; e < kPer; ++e) peak = fmaxf(peak, fabsf(x.v[half][e]));
#pragma unroll
        for (int step = 1; step < kKvScaleGroup / kPer; step *= 2)
          peak = fmaxf(peak, __shfl_xor_sync(kWarp, peak, step));
        if (!active) continue;
        const float scale = peak / 127.0f;
        const float inverse = scale > 0 ? 1.0f / scale : 0.0f;
#pragma unroll
        for (int e = 0; e < kPer; ++e) {
          // roundf: half away from zero, as the file codec.
          const auto code = int8_t(roundf(x.v[half][e] * inverse));
          to[d + e] = uint8_t(code);
          shared.fresh.rows[which][d + e] = uint8_t(code);
        }
        if (d % kKvScaleGroup == 0) {
          const __half rounded = saturated_half(scale);
          const int at = d / kKvScaleGroup * 2;
          *reinterpret_cast<__half*>(shared.fresh.scales[which] + at) = rounded;
          *reinterpret_cast<__half*>(block + Rows::kScalesAt +
                                     (which * kKvBlockTokens + token) * Rows::kScaleBytes + at) = rounded;
        }
      }
    }
  }

  // A head of the row: queries 0 .. group-1, then the key, then the value.
  struct Source {
    Piece piece;
    float2 cos_sin[kPer];
  };
  __device__ __forceinline__ const float* head_at(int h) const {
    h = min(h, group + 1);
    if (h < group) return p.q + (int64_t(row) * p.n_head + head * group + h) * kHeadDim;
    return (h == group ? p.k : p.v) + (int64_t(row) * p.kv.n_head_kv + head) * kHeadDim;
  }
  __device__ __forceinline__ Source load_head(const float* from) const {
    const int j = threadIdx.x % kThreadsPerHead;
    Source s;
    s.piece.load(from, j);
    if (p.n_rot > 0) {
#pragma unroll
      for (int e = 0; e < kPer; e += 2) {
        const float4 f =
            __ldcg(reinterpret_cast<const float4*>(p.cos_sin + int64_t(row) * (kHeadDim / 2) + j * kPer + e));
        s.cos_sin[e] = make_float2(f.x, f.y), s.cos_sin[e + 1] = make_float2(f.z, f.w);
      }
    }
    return s;
  }
  // By whole warps; h: that of load_head(), or beyond the last.
  __device__ __forceinline__ void place_head(int h, Source& s, bool owns_new) const {
    const int j = threadIdx.x % kThreadsPerHead;
    const bool turns = h <= group;  // a query or the key
    if (p.q_norm != nullptr) {
      const float factor = s.piece.norm_factor(p.norm_eps);
      if (turns) s.piece.normalize(h < group ? p.q_norm : p.k_norm, factor, j);
    }
    if (p.n_rot > 0 && turns) s.piece.rotate(s.cos_sin);
    const bool is_new = h == group || h == group + 1;
    if (owns_new && __any_sync(kWarp, is_new)) store_new(s.piece, h == group ? 0 : 1, j, is_new);
    if (h >= group) return;
    const float scale = p.scale * kLog2E;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int e = 0; e < kPer; e += 2) {
        uint32_t high, low;
        split_halves(s.piece.v[half][e] * scale, s.piece.v[half][e + 1] * scale, high, low);
        const int d = half * (kHeadDim / 2) + j * kPer + e;
        *reinterpret_cast<uint32_t*>(&shared.queries.part[0][h][d]) = high;
        *reinterpret_cast<uint32_t*>(&shared.queries.part[1][h][d]) = low;
      }
    }
  }

  // Tokens [at, at + 16); from the new one on they may be anything.
  __device__ __forceinline__ void load_keys(KeyLane<F, kHeadDim>& keys, int32_t block, int32_t at) const {
    const KvPart part = kv_part<F, kHeadDim>(kv_head(p.kv, block, head).base, 0);
#pragma unroll
    for (int r = 0; r < 2; ++r)
      keys.template load<EarlyLoad>(r, part, at % kKvBlockTokens + lane() / 4 + 8 * r, lane() % 4);
  }
  __device__ __forceinline__ void load_values(ValueLane<F, kHeadDim>& values, int32_t block,
                                              int32_t at) const {
    const KvPart part = kv_part<F, kHeadDim>(kv_head(p.kv, block, head).base, 1);
#pragma unroll
    for (int i = 0; i < 4; ++i)
      values.template load<EarlyLoad>(i, part, at % kKvBlockTokens + 2 * (lane() % 4) + i % 2 + 8 * (i / 2),
                                      lane() / 4);
  }
  // The new token, if it is one of the 16, also in the place of those behind it: their weight is zero, but
  // zero times a NaN that another sequence left there would not be.
  __device__ __forceinline__ void take_new(KeyLane<F, kHeadDim>& keys, ValueLane<F, kHeadDim>& values,
                                           int32_t at) const {
    const int token = position - at;
    if (token >= 16) return;
#pragma unroll
    for (int r = 0; r < 2; ++r)
      if (lane() / 4 + 8 * r >= token) keys.template load<PlainLoad>(r, shared.fresh.part(0), 0, lane() % 4);
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (2 * (lane() % 4) + i % 2 + 8 * (i / 2) >= token)
        values.template load<PlainLoad>(i, shared.fresh.part(1), 0, lane() / 4);
  }

  __device__ __forceinline__ int32_t block_of(int32_t at) const {
    return int32_t(EarlyLoad::load4(table + at / kKvBlockTokens));
  }

  // Step 3: this warp's tokens, the first 16 of which are in keys and values.
  __device__ __forceinline__ void attend_range(const Range& range, KeyLane<F, kHeadDim>& keys,
                                               ValueLane<F, kHeadDim>& values) const {
    const int g = lane() / 4, t = lane() % 4;
    AttentionColumns<F, kHeadDim, kTiles> columns;
#pragma unroll 1
    for (int32_t at = range.begin + 16 * warp(); at < range.end;) {
      const int32_t next = at + 16 * kDecodeWarps;
      const bool more = next < range.end;
      const int32_t next_block = more ? block_of(next) : 0;
      take_new(keys, values, at);
      float s[kTiles][4];
      columns.scores(keys, shared.queries, lane(), s);
      if (more) load_keys(keys, next_block, next);
      const auto weights = columns.weigh(s, at + g >= first && at + g <= position,
                                         at + g + 8 >= first && at + g + 8 <= position);
      columns.add(values, weights, lane());
      if (more) load_values(values, next_block, next);
      at = next;
    }
    columns.finish_sums();
#pragma unroll
    for (int n = 0; n < kTiles; ++n) {
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int r = 8 * n + 2 * t + h;
        if (g == 0) shared.peak[warp()][r] = columns.peak[n][h], shared.sum[warp()][r] = columns.sum[n][h];
        if (r >= group) continue;
        float* to = acc + (warp() * group + r) * kHeadDim;
#pragma unroll
        for (int w = 0; w < 4; ++w) {
          float* pair = to + acc_at(r, 8 * g + 2 * w);
#pragma unroll
          for (int c = 0; c < kHeadDim / 64; ++c)
            *reinterpret_cast<float2*>(pair + 64 * c) =
                make_float2(columns.out[n][4 * c + w][h], columns.out[n][4 * c + w][2 + h]);
        }
      }
    }
  }
  // Pairs of eight dimensions are turned by the head, against bank conflicts.
  __device__ __forceinline__ static int acc_at(int r, int d) {
    return (d & ~6) | ((d + r / 2 * 2) & 6);
  }
};

// Four neighbouring outputs of a head, by one thread; four lanes have a group of 16.
struct Outputs4 {
  float v[4] = {};

  __device__ __forceinline__ void add(const float4& f, float weight) {
    v[0] += weight * f.x, v[1] += weight * f.y, v[2] += weight * f.z, v[3] += weight * f.w;
  }
  __device__ __forceinline__ void store(float* to) const {
    *reinterpret_cast<float4*>(to) = make_float4(v[0], v[1], v[2], v[3]);
  }
  // Codes for the linear that follows: emit16() of emit_row.cuh, without a norm, by the four lanes of a
  // group. By whole warps; active: of a group, all lanes or none.
  __device__ __forceinline__ void emit(const RowEmission& e, int column, bool active) const {
    float peak = fmaxf(fmaxf(fabsf(v[0]), fabsf(v[1])), fmaxf(fabsf(v[2]), fabsf(v[3])));
    peak = fmaxf(peak, __shfl_xor_sync(kWarp, peak, 1));
    peak = fmaxf(peak, __shfl_xor_sync(kWarp, peak, 2));
    const float inverse = peak > 0 ? __fdividef(127.0f, peak) : 0.0f;
    uint32_t word = 0;
    int32_t sum = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int32_t code = __float2int_rn(v[i] * inverse);
      sum += code;
      word |= uint32_t(code & 255) << (8 * i);
    }
    sum += __shfl_xor_sync(kWarp, sum, 1);
    sum += __shfl_xor_sync(kWarp, sum, 2);
    if (!active) return;
    *reinterpret_cast<uint32_t*>(row16_code(e.row, column)) = word;
    if (column % 16 != 0) return;
    const float scale = peak * (1.0f / 127.0f);
    *reinterpret_cast<float2*>(row16_scale(e.row, column)) = make_float2(scale, scale * float(sum));
  }
};

// The thread's outputs of the CTA, from what n_warps warps found; relative to peak, of which sum is the sum.
template <typename D>
__device__ __forceinline__ Outputs4 merge_warps(const D& d, int i, int n_warps, int head_dim, float& peak,
                                                float& sum) {
  const int r = i / head_dim, dimension = i % head_dim;
  peak = -INFINITY, sum = 0;
#pragma unroll
  for (int w = 0; w < kDecodeWarps; ++w)
    if (w < n_warps) peak = fmaxf(peak, d.shared.peak[w][r]);
  Outputs4 out;
  const float* a_from = d.acc + r * head_dim + D::acc_at(r, dimension);
  const float* b_from = d.acc + r * head_dim + D::acc_at(r, dimension + 2);
#pragma unroll
  for (int w = 0; w < kDecodeWarps; ++w) {
    if (w >= n_warps) break;
    const float weight = exp2_approx(d.shared.peak[w][r] - peak);
    sum += weight * d.shared.sum[w][r];
    const float2 a = *reinterpret_cast<const float2*>(a_from);
    const float2 b = *reinterpret_cast<const float2*>(b_from);
    out.add(make_float4(a.x, a.y, b.x, b.y), weight);
    a_from += d.group * head_dim, b_from += d.group * head_dim;
  }
  return out;
}

template <KvFormat F, int kHeadDim, int kTiles>
__device__ __forceinline__ void attend(const AttentionParams& p) {
  using D = Decode<F, kHeadDim, kTiles>;
  extern __shared__ __align__(16) float acc[];
  __shared__ __align__(16) typename D::Shared shared;
  pdl_launch_dependents();
  D d{p, shared, acc, int(blockIdx.z), int(blockIdx.x), p.n_head / p.kv.n_head_kv, 0, 0, nullptr};
  d.position = int32_t(EarlyLoad::load4(p.step.positions + d.row));
  const auto n_rows = int32_t(EarlyLoad::load4(p.step.counts + kStepRows));
  // Every sequence has one row: they have the same index.
  d.table = p.step.block_tables + int64_t(d.row) * p.step.n_blocks_per_sequence;
  // Most often right, and then not one memory latency later.
  const int32_t likely_at = min((int32_t(blockIdx.y) * kSplitTokens + 16 * D::warp()) / kKvBlockTokens,
                                p.step.n_blocks_per_sequence - 1);
  const auto likely_block = int32_t(EarlyLoad::load4(d.table + likely_at));
  d.first = p.window > 0 ? max(0, d.position - p.window + 1) : 0;
  int split = blockIdx.y;
  Range range = split_range(d.first, d.position + 1, p.n_splits, split);
  const bool has_work = d.row < n_rows && split < range.n_active;
  KeyLane<F, kHeadDim> keys;
  ValueLane<F, kHeadDim> values;
  // Without a wait: CTAs that have work wait, and the kernel is not over before them.
  if (!has_work) return;
  const int n = d.group * kHeadDim, n_quads = n / 4;
  const int64_t index = int64_t(d.row) * p.kv.n_head_kv + d.head, results_at = index * p.n_splits * n_quads;
  const RangeGroups groups{{p.range_outputs + results_at, p.range_weights + results_at, n_quads},
                           range.n_active};
  const Meeting meeting{p.meetings + index, p.gone + index * (n_quads / kQuadsOfUnit),
                        uint32_t(min(int(gridDim.y), range.n_active)), p.patience};
  const bool alone = range.n_active == 1;
  const auto finish = [&](const Outputs4& out, int i, bool active) {
    if (active) out.store(p.out + index * n + i);
    if (p.emission.row.tiles != nullptr) out.emit(p.emission, int(index) * n + i, active);
  };

#pragma unroll 1
  for (bool is_first = true;; is_first = false) {
    const int32_t at = range.begin + 16 * D::warp();
    if (at < range.end) {
      const int32_t block = at / kKvBlockTokens == likely_at ? likely_block : d.block_of(at);
      d.load_keys(keys, block, at);
      d.load_values(values, block, at);
    }
    if (is_first) {
      int h = threadIdx.x / kThreadsPerHead;
      const float* from = d.head_at(h);
      asm volatile("" : "+l"(from));  // found before the wait
      if (!alone)
        for_own_groups(groups, meeting, D::warp(), kDecodeWarps, [&](int g) { groups.prefetch(g); });
      pdl_wait();
      typename D::Source source = d.load_head(from);
      int last_split = range.n_active - 1;
      if (last_split >= int(gridDim.y)) last_split %= int(gridDim.y);
      const bool owns_new = last_split == int(blockIdx.y);
#pragma unroll 1
      for (int first = kHeadsAtATime;; first += kHeadsAtATime, source = d.load_head(d.head_at(h))) {
        d.place_head(h, source, owns_new);
        h += kHeadsAtATime;
        if (first >= d.group + 2) break;
      }
    }
    __syncthreads();  // queries are there, and what the warps left before is read
    // Warps that have any tokens.
    const int n_warps = min(kDecodeWarps, (range.end - range.begin + 15) / 16);
    if (D::warp() < n_warps) d.attend_range(range, keys, values);
    __syncthreads();
#pragma unroll 1
    for (int first = 128 * D::warp(); first < n; first += 4 * kThreads) {
      const int i = first + 4 * D::lane();
      float peak, sum;
      Outputs4 out = merge_warps(d, min(i, n - 4), n_warps, kHeadDim, peak, sum);
      if (alone) {
        const float factor = __fdividef(1, sum);
#pragma unroll
        for (float& v : out.v) v *= factor;
        finish(out, i, i < n);
      } else if (i < n) {
        groups.results.put(split, i / 4, out.v, peak, sum);
      }
    }
    if (alone) return;
    split += gridDim.y;
    if (split >= range.n_active) break;
    range = split_range(d.first, d.position + 1, p.n_splits, split);
  }
  merge_ranges<Outputs4>(groups, meeting, D::warp(), kDecodeWarps, finish);
}

}  // namespace
}  // namespace dunlin::cuda

using dunlin::cuda::AttentionParams;
using dunlin::cuda::KvFormat;

// Groups of up to 8 query heads, and of up to 16.
#define DUNLIN_ATTN_DECODE(name, format, head_dim)                                               \
  extern "C" __global__ void __launch_bounds__(256, 1) attn_decode_##name(AttentionParams p) {   \
    dunlin::cuda::attend<format, head_dim, 1>(p);                                                \
  }                                                                                              \
  extern "C" __global__ void __launch_bounds__(256, 1) attn_decode16_##name(AttentionParams p) { \
    dunlin::cuda::attend<format, head_dim, 2>(p);                                                \
  }

DUNLIN_ATTN_DECODE(f16_64, KvFormat::kF16, 64)
DUNLIN_ATTN_DECODE(f16_128, KvFormat::kF16, 128)
DUNLIN_ATTN_DECODE(q8_64, KvFormat::kQ8_0, 64)
DUNLIN_ATTN_DECODE(q8_128, KvFormat::kQ8_0, 128)
DUNLIN_ATTN_DECODE(fp8_64, KvFormat::kFp8, 64)
DUNLIN_ATTN_DECODE(fp8_128, KvFormat::kFp8, 128)
