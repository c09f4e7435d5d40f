// Decode attention of 16 tokens by one warp on tensor cores, with the query heads of a group as the columns
// of the mma (8 at a time) and the tokens as its rows: a group of 7 or 8 heads leaves nothing idle.
//
//   S [16 tokens, 8 heads] = K Q^T          A = K, B = Q^T
//   O [16 dimensions, 8 heads] += V^T P     A = V^T, B = P: S turned around by movmatrix
//
// Both results have heads 2t and 2t + 1 in lane t, so peaks and decays need no exchange. Queries and
// probabilities are halves in two parts (high + low): products are as good as f32.
//
// Keys and values go from the cache straight into registers, 16 bytes (f16) or 8 (q8_0, fp8) a load. The k
// index of an mma may be any permutation that both operands share, and so may its rows:
//   K: of 32 dimensions, lane t takes 8t .. 8t+7 of tokens g and g + 8: operands of two mmas
//   V: of 64 dimensions, lane g takes 8g .. 8g+7 of tokens 2t, 2t+1, 2t+8, 2t+9; rows g and g + 8 of mma w
//      are dimensions 8g + 2w and 8g + 2w + 1
#pragma once

#include "backends/cuda/device/early_load.cuh"
#include "backends/cuda/device/mma.cuh"
#include "backends/cuda/ops/kv_rows.cuh"

namespace dunlin::cuda {

// 2^x, two units in the last place; 0 for -inf.
__device__ __forceinline__ float exp2_approx(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// The transpose of an 8 x 8 matrix of halves, of which a lane holds row g, columns 2t and 2t + 1.
__device__ __forceinline__ uint32_t transpose8(uint32_t row) {
  uint32_t column;
  asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(column) : "r"(row));
  return column;
}

// Rows of one part (keys or values) of a kv head: of a block in the cache, or of the new token alone.
struct KvPart {
  const uint8_t* rows;
  const uint8_t* scales;
};

template <KvFormat F, int kHeadDim>
__device__ __forceinline__ KvPart kv_part(const uint8_t* head, int part) {
  using Rows = KvRows<F, kHeadDim>;
  return {head + part * Rows::kValuesAt, head + Rows::kScalesAt + part * kKvBlockTokens * Rows::kScaleBytes};
}

// A lane's keys of 16 tokens: rows g and g + 8.
template <KvFormat F, int kHeadDim>
struct KeyLane {
  static constexpr int kChunks = kHeadDim / 32;
  uint4 row[2][kChunks];

  template <typename Load>
  __device__ __forceinline__ void load(int r, const KvPart& keys, int token, int t) {
#pragma unroll
    for (int c = 0; c < kChunks; ++c)
      row[r][c] = Load::load16(keys.rows + token * 2 * kHeadDim + 64 * c + 16 * t);
  }
  __device__ __forceinline__ void operand(int c, int m, uint32_t (&a)[4]) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) a[i] = word_of(row[i % 2][c], 2 * m + i / 2);
  }
  __device__ __forceinline__ float scale(int, int) const {
    return 1.0f;
  }
};

template <int kHeadDim>
struct KeyLane<KvFormat::kQ8_0, kHeadDim> {
  static constexpr int kChunks = kHeadDim / 32;
  uint2 row[2][kChunks];
  uint32_t scales[2][kChunks / 2];  // halves

  template <typename Load>
  __device__ __forceinline__ void load(int r, const KvPart& keys, int token, int t) {
#pragma unroll
    for (int c = 0; c < kChunks; ++c) row[r][c] = Load::load8(keys.rows + token * kHeadDim + 32 * c + 8 * t);
#pragma unroll
    for (int i = 0; i < kChunks / 2; ++i)
      scales[r][i] = Load::load4(keys.scales + 4 * (token * (kChunks / 2) + i));
  }
  // Codes as halves, exactly: the scale multiplies the dot.
  __device__ __forceinline__ void operand(int c, int m, uint32_t (&a)[4]) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const uint2& v = row[i % 2][c];
      a[i] = as_word(bytes_to_half2(m == 0 ? v.x : v.y, i / 2 != 0));
    }
  }
  __device__ __forceinline__ float scale(int r, int c) const {
    const __half2 pair = as_half2(scales[r][c / 2]);
    return c % 2 == 0 ? __low2float(pair) : __high2float(pair);
  }
};

// One scale for a token.
template <int kHeadDim>
struct KeyLane<KvFormat::kFp8, kHeadDim> {
  static constexpr int kChunks = kHeadDim / 32;
  uint2 row[2][kChunks];
  uint16_t scales[2];  // halves

  template <typename Load>
  __device__ __forceinline__ void load(int r, const KvPart& keys, int token, int t) {
#pragma unroll
    for (int c = 0; c < kChunks; ++c) row[r][c] = Load::load8(keys.rows + token * kHeadDim + 32 * c + 8 * t);
    scales[r] = Load::load2(keys.scales + 2 * token);
  }
  __device__ __forceinline__ void operand(int c, int m, uint32_t (&a)[4]) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const uint2& v = row[i % 2][c];
      a[i] = e4m3x2_to_halves(m == 0 ? v.x : v.y, i / 2 != 0);
    }
  }
  __device__ __forceinline__ float scale(int r, int) const {
    return half_bits_to_float(scales[r]) * kE4m3Unit;
  }
};

// Of four tokens the same two dimensions, halves: to two tokens of one dimension a word.
__device__ __forceinline__ void turn_pairs(const uint32_t (&pairs)[4], uint32_t (&a)[4]) {
#pragma unroll
  for (int j = 0; j < 4; ++j)
    a[j] = __byte_perm(pairs[2 * (j / 2)], pairs[2 * (j / 2) + 1], j % 2 == 0 ? 0x5410 : 0x7632);
}

// A lane's values of 16 tokens: i = 0..3 are tokens 2t, 2t + 1, 2t + 8, 2t + 9.
template <KvFormat F, int kHeadDim>
struct ValueLane {
  static constexpr int kChunks = kHeadDim / 64;
  uint4 token[4][kChunks];

  template <typename Load>
  __device__ __forceinline__ void load(int i, const KvPart& values, int at, int g) {
#pragma unroll
    for (int c = 0; c < kChunks; ++c)
      token[i][c] = Load::load16(values.rows + at * 2 * kHeadDim + 128 * c + 16 * g);
  }
  // Dimensions 64c + 8g + 2w and the next of all tokens.
  __device__ __forceinline__ void operand(int c, int w, int, uint32_t (&a)[4]) const {
    uint32_t pairs[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) pairs[i] = word_of(token[i][c], w);
    turn_pairs(pairs, a);
  }
};

template <int kHeadDim>
struct ValueLane<KvFormat::kQ8_0, kHeadDim> {
  static constexpr int kChunks = kHeadDim / 64;
  uint2 token[4][kChunks];
  uint32_t scales[4][kChunks];  // halves: of dimensions 64c .., 64c + 32 ..

  template <typename Load>
  __device__ __forceinline__ void load(int i, const KvPart& values, int at, int g) {
#pragma unroll
    for (int c = 0; c < kChunks; ++c) {
      token[i][c] = Load::load8(values.rows + at * kHeadDim + 64 * c + 8 * g);
      scales[i][c] = Load::load4(values.scales + 4 * (at * kChunks + c));
    }
  }
  __device__ __forceinline__ void operand(int c, int w, int g, uint32_t (&a)[4]) const {
    uint32_t pairs[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const uint32_t scale = __byte_perm(scales[i][c], 0, g < 4 ? 0x1010 : 0x3232);
      const uint2& v = token[i][c];
      pairs[i] = as_word(__hmul2(bytes_to_half2(w < 2 ? v.x : v.y, w % 2 != 0), as_half2(scale)));
    }
    turn_pairs(pairs, a);
  }
};

// Codes as they are: a token's scale multiplies its probabilities, once for all dimensions. Times a unit,
// which keeps small scales (2^-14 at least) away from halves' smallest, and the largest (2^7) below their
// largest.
inline constexpr float kFp8WeightUnit = 256.0f;

template <int kHeadDim>
struct ValueLane<KvFormat::kFp8, kHeadDim> {
  static constexpr int kChunks = kHeadDim / 64;
  uint2 token[4][kChunks];
  uint16_t scales[4];  // halves

  template <typename Load>
  __device__ __forceinline__ void load(int i, const KvPart& values, int at, int g) {
#pragma unroll
    for (int c = 0; c < kChunks; ++c) token[i][c] = Load::load8(values.rows + at * kHeadDim + 64 * c + 8 * g);
    scales[i] = Load::load2(values.scales + 2 * at);
  }
  __device__ __forceinline__ void operand(int c, int w, int, uint32_t (&a)[4]) const {
    // Two tokens of a dimension, and of the next, are turned while they are bytes.
#pragma unroll
    for (int j = 0; j < 4; j += 2) {
      const uint2 &v = token[j][c], &next = token[j + 1][c];
      const uint32_t codes =
          __byte_perm(w < 2 ? v.x : v.y, w < 2 ? next.x : next.y, w % 2 == 0 ? 0x5140 : 0x7362);
      a[j] = e4m3x2_to_halves(codes, false);
      a[j + 1] = e4m3x2_to_halves(codes, true);
    }
  }
  // Of tokens i and i + 1, halves.
  __device__ __forceinline__ __half2 weight_scale(int i) const {
    const uint32_t both = uint32_t(scales[i]) | uint32_t(scales[i + 1]) << 16;
    return __hmul2(as_half2(both), __float2half2_rn(kFp8WeightUnit));
  }
};

// Queries in shared memory, halves: [part high, low][head][kStride], times scale * log2(e). The stride puts
// neighbouring heads half a line apart. Heads beyond the group hold anything: columns do not meet.
template <int kHeadDim, int kTiles>
struct QueryColumns {
  static constexpr int kStride = kHeadDim + 32;
  static constexpr int kHeads = 8 * kTiles;
  __half part[2][kHeads][kStride];

  __device__ __forceinline__ uint4 load(int which, int head, int c, int t) const {
    return *reinterpret_cast<const uint4*>(&part[which][head][32 * c + 8 * t]);
  }
};

// What a warp has found so far. kTiles: groups of 8 heads.
template <KvFormat F, int kHeadDim, int kTiles>
struct AttentionColumns {
  float out[kTiles][kHeadDim / 16][4] = {};  // [4c + w]: (dimension, head) +0 +0, +0 +1, +1 +0, +1 +1
  float peak[kTiles][2];                     // of heads 2t, 2t + 1
  float sum[kTiles][2] = {};                 // of this lane's tokens; finish_sums() adds the lanes up

  __device__ __forceinline__ AttentionColumns() {
#pragma unroll
    for (int n = 0; n < kTiles; ++n) peak[n][0] = peak[n][1] = -INFINITY;
  }

  static __device__ __forceinline__ void scores(const KeyLane<F, kHeadDim>& keys,
                                                const QueryColumns<kHeadDim, kTiles>& queries, int lane,
                                                float (&s)[kTiles][4]) {
    const int g = lane / 4, t = lane % 4;
#pragma unroll
    for (int n = 0; n < kTiles; ++n) s[n][0] = s[n][1] = s[n][2] = s[n][3] = 0;
      // Chunks are sums that do not wait for each other.
#pragma unroll
    for (int c = 0; c < kHeadDim / 32; ++c) {
      uint32_t k0[4], k1[4];
      keys.operand(c, 0, k0);
      keys.operand(c, 1, k1);
#pragma unroll
      for (int n = 0; n < kTiles; ++n) {
        const uint4 high = queries.load(0, 8 * n + g, c, t), low = queries.load(1, 8 * n + g, c, t);
        float dot[4] = {};
        mma_f16(dot, k0, low.x, low.y);
        mma_f16(dot, k1, low.z, low.w);
        mma_f16(dot, k0, high.x, high.y);
        mma_f16(dot, k1, high.z, high.w);
#pragma unroll
        for (int e = 0; e < 4; ++e) s[n][e] += keys.scale(e / 2, c) * dot[e];
      }
    }
  }

  // Scores of tokens g and g + 8 (visible or not) to probabilities relative to the new peak, as B operands.
  struct Weights {
    uint32_t high[kTiles][2], low[kTiles][2];
  };
  __device__ __forceinline__ Weights weigh(float (&s)[kTiles][4], bool visible, bool visible8) {
    Weights w;
#pragma unroll
    for (int n = 0; n < kTiles; ++n) {
      float decay[2];
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        float& a = s[n][h];
        float& b = s[n][2 + h];
        if (!visible) a = -INFINITY;
        if (!visible8) b = -INFINITY;
        float best = fmaxf(a, b);
#pragma unroll
        for (int step = 4; step < 32; step *= 2) best = fmaxf(best, __shfl_xor_sync(0xffffffffu, best, step));
        best = fmaxf(best, peak[n][h]);
        // Where nothing is visible yet the peak stays -inf; differences with it would be NaN.
        const float base = best == -INFINITY ? 0.0f : best;
        decay[h] = exp2_approx(peak[n][h] - base);
        peak[n][h] = best;
        a = exp2_approx(a - base);
        b = exp2_approx(b - base);
        sum[n][h] = sum[n][h] * decay[h] + (a + b);
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        uint32_t high, low;
        split_halves(s[n][2 * half], s[n][2 * half + 1], high, low);
        w.high[n][half] = transpose8(high);
        w.low[n][half] = transpose8(low);
      }
#pragma unroll
      for (int i = 0; i < kHeadDim / 16; ++i) {
#pragma unroll
        for (int e = 0; e < 4; ++e) out[n][i][e] *= decay[e % 2];
      }
    }
    return w;
  }

  __device__ __forceinline__ void add(const ValueLane<F, kHeadDim>& values, Weights w, int lane) {
    const int g = lane / 4;
    if constexpr (F == KvFormat::kFp8) scale_weights(values, w);
#pragma unroll
    for (int i = 0; i < kHeadDim / 16; ++i) {
      uint32_t a[4];
      values.operand(i / 4, i % 4, g, a);
#pragma unroll
      for (int n = 0; n < kTiles; ++n) {
        mma_f16(out[n][i], a, w.low[n][0], w.low[n][1]);
        mma_f16(out[n][i], a, w.high[n][0], w.high[n][1]);
      }
    }
  }

  // Powers of two: exact.
  static __device__ __forceinline__ void scale_weights(const ValueLane<F, kHeadDim>& values, Weights& w) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const __half2 scale = values.weight_scale(2 * half);
#pragma unroll
      for (int n = 0; n < kTiles; ++n) {
        w.high[n][half] = as_word(__hmul2(as_half2(w.high[n][half]), scale));
        w.low[n][half] = as_word(__hmul2(as_half2(w.low[n][half]), scale));
      }
    }
  }

  // Results are relative to the sums, which are in their unit afterwards.
  __device__ __forceinline__ void finish_sums() {
#pragma unroll
    for (int n = 0; n < kTiles; ++n) {
#pragma unroll
      for (int h = 0; h < 2; ++h) {
#pragma unroll
        for (int step = 4; step < 32; step *= 2) sum[n][h] += __shfl_xor_sync(0xffffffffu, sum[n][h], step);
        if constexpr (F == KvFormat::kFp8) sum[n][h] *= kFp8WeightUnit / kE4m3Unit;
      }
    }
  }
};

}  // namespace dunlin::cuda
