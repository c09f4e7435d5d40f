// Sixteen query rows against keys and values, by one warp, on tensor cores: online softmax over groups of 16
// tokens. Queries and probabilities are halves in two parts (high + low), so products are as good as f32.
//
// Keys and values go from the cache straight into mma operands. The k index of an mma may be any permutation
// that both operands share, so a lane takes eight neighbouring dimensions (16 bytes) instead of scattered
// pairs:
//   q k^T: of 32 dimensions, lane t takes 8t .. 8t+7: its words are B of two mmas
//   p v:   of 64 dimensions, lane g takes 8g .. 8g+7 of its four tokens; column g of mma i is dimension 8g +
//   i
#pragma once

#include "backends/cuda/device/mma.cuh"
#include "backends/cuda/ops/kv_rows.cuh"

namespace dunlin::cuda {

// What rows g (index 0) and g + 8 (index 1) may see.
struct Visibility {
  int32_t first[2];  // first visible position
  int32_t end[2];    // one beyond the last
  int32_t stored;    // one beyond the last position that any row sees: what lies behind may be anything
};

template <KvFormat F, int kHeadDim>
struct AttentionTile {
  static constexpr int kChunks = kHeadDim / 32;
  static constexpr int kRowsOfLane = 2;

  uint32_t q_high[kChunks][2][4];  // A operands, [chunk][mma]
  uint32_t q_low[kChunks][2][4];
  float out[kHeadDim / 8]
           [4];  // [64-chunk * 8 + i]: rows g, g, g + 8, g + 8; dimensions 8 (2t) + i, 8 (2t+1) + i
  float peak[2] = {-INFINITY, -INFINITY};
  float sum[2] = {};

  // rows: f32 queries in shared memory, 16 rows of kHeadDim, times scale * log2(e); rows beyond n_rows
  // are taken as zeros.
  __device__ __forceinline__ void load_queries(const float* rows, int n_rows, int lane) {
    const int g = lane / 4, t = lane % 4;
#pragma unroll
    for (int c = 0; c < kChunks; ++c) {
#pragma unroll
      for (int m = 0; m < 2; ++m) {
#pragma unroll
        for (int a = 0; a < 4; ++a) {
          const int row = g + 8 * (a % 2);
          float2 v = make_float2(0, 0);
          if (row < n_rows)
            v = *reinterpret_cast<const float2*>(rows + row * kHeadDim + 32 * c + 8 * t + 4 * m +
                                                 2 * (a / 2));
          split_halves(v.x, v.y, q_high[c][m][a], q_low[c][m][a]);
        }
      }
    }
#pragma unroll
    for (int i = 0; i < kHeadDim / 8; ++i) out[i][0] = out[i][1] = out[i][2] = out[i][3] = 0;
  }

  // Tokens [token, token + 16) of a block, the first of which is at this position.
  __device__ __forceinline__ void add_tokens(const KvHead& head, int token, int32_t position,
                                             const Visibility& seen, int lane) {
    const int g = lane / 4, t = lane % 4;
    using Rows = KvRows<F, kHeadDim>;
    uint4 keys[2][kChunks];
#pragma unroll
    for (int j = 0; j < 2; ++j) {
#pragma unroll
      for (int c = 0; c < kChunks; ++c) keys[j][c] = Rows::load8(head, 0, token + 8 * j + g, 32 * c + 8 * t);
    }
    uint4 values[kHeadDim / 64][4];  // tokens 2t, 2t + 1, 2t + 8, 2t + 9
#pragma unroll
    for (int c = 0; c < kHeadDim / 64; ++c) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int at = 2 * t + i % 2 + 8 * (i / 2);
        // Its probability is zero, but zero times a NaN that another sequence left there would not be.
        values[c][i] = make_uint4(0, 0, 0, 0);
        if (position + at < seen.stored) values[c][i] = Rows::load8(head, 1, token + at, 64 * c + 8 * g);
      }
    }
    // Four sums that do not wait for each other, per eight tokens.
    float s[2][4] = {};
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      float part[3][4] = {};
#pragma unroll
      for (int c = 0; c < kChunks; ++c) {
        mma_f16(s[j], q_high[c][0], keys[j][c].x, keys[j][c].y);
        mma_f16(part[0], q_high[c][1], keys[j][c].z, keys[j][c].w);
        mma_f16(part[1], q_low[c][0], keys[j][c].x, keys[j][c].y);
        mma_f16(part[2], q_low[c][1], keys[j][c].z, keys[j][c].w);
      }
#pragma unroll
      for (int e = 0; e < 4; ++e) s[j][e] += part[0][e] + (part[1][e] + part[2][e]);
    }
    softmax(s, position, seen, t);
    uint32_t p_high[4], p_low[4];
#pragma unroll
    for (int a = 0; a < 4; ++a)
      split_halves(s[a / 2][2 * (a % 2)], s[a / 2][2 * (a % 2) + 1], p_high[a], p_low[a]);
#pragma unroll
    for (int c = 0; c < kHeadDim / 64; ++c) {
      const uint4(&v)[4] = values[c];
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        const uint32_t select = i % 2 == 0 ? 0x5410 : 0x7632;
        const uint32_t b0 = __byte_perm(word(v[0], i / 2), word(v[1], i / 2), select);
        const uint32_t b1 = __byte_perm(word(v[2], i / 2), word(v[3], i / 2), select);
        mma_f16(out[8 * c + i], p_high, b0, b1);
        mma_f16(out[8 * c + i], p_low, b0, b1);
      }
    }
  }

  static __device__ __forceinline__ uint32_t word(const uint4& v, int i) {
    return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
  }

  // Scores to probabilities relative to the new peak; what was summed so far is brought to it.
  __device__ __forceinline__ void softmax(float (&s)[2][4], int32_t position, const Visibility& seen, int t) {
#pragma unroll
    for (int r = 0; r < kRowsOfLane; ++r) {
      float best = -INFINITY;
#pragma unroll
      for (int j = 0; j < 2; ++j) {
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const int32_t at = position + 8 * j + 2 * t + e;
          if (at < seen.first[r] || at >= seen.end[r]) s[j][2 * r + e] = -INFINITY;
          best = fmaxf(best, s[j][2 * r + e]);
        }
      }
      best = fmaxf(best, __shfl_xor_sync(0xffffffffu, best, 1));
      best = fmaxf(best, __shfl_xor_sync(0xffffffffu, best, 2));
      const float new_peak = fmaxf(peak[r], best);
      // A row that has seen nothing yet keeps -inf; its differences would be NaN.
      const float base = new_peak == -INFINITY ? 0.0f : new_peak;
      const float decay = exp2f(peak[r] - base);
      peak[r] = new_peak;
      float total = 0;
#pragma unroll
      for (int j = 0; j < 2; ++j) {
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          s[j][2 * r + e] = exp2f(s[j][2 * r + e] - base);
          total += s[j][2 * r + e];
        }
      }
      sum[r] = sum[r] * decay + total;
#pragma unroll
      for (int i = 0; i < kHeadDim / 8; ++i) {
        out[i][2 * r] *= decay;
        out[i][2 * r + 1] *= decay;
      }
    }
  }

  // The sums of the four lanes that share a row; call once at the end.
  __device__ __forceinline__ void finish_sums() {
#pragma unroll
    for (int r = 0; r < kRowsOfLane; ++r) {
      sum[r] += __shfl_xor_sync(0xffffffffu, sum[r], 1);
      sum[r] += __shfl_xor_sync(0xffffffffu, sum[r], 2);
    }
  }

  // f(row of 16, dimension, value) for what the lane holds.
  template <typename F2>
  __device__ __forceinline__ void for_outputs(int lane, F2 f) const {
    const int g = lane / 4, t = lane % 4;
#pragma unroll
    for (int i = 0; i < kHeadDim / 8; ++i) {
#pragma unroll
      for (int e = 0; e < 2 * kRowsOfLane; ++e)
        f(g + 8 * (e / 2), 64 * (i / 8) + 8 * (2 * t + e % 2) + i % 8, out[i][e]);
    }
  }
};

}  // namespace dunlin::cuda
