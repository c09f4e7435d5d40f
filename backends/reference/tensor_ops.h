// The scalar meaning of every op, one function each: double accumulation, no tricks. This is the oracle that
// every backend and kernel is tested against, so it favours being obvious over being fast.
// Row-major f32 throughout; shapes as in core/graph/op.h.
#pragma once

#include <cstdint>
#include <span>

#include "core/graph/op.h"

namespace dunlin::reference {

// out [D] = table[token]
void embed_row(std::span<const float> table, int64_t n_features, int32_t token, float* out);

// out[i] = x[i] / sqrt(mean(x^2) + eps) * weight[i], for each group of weight.size() features
void rms_norm_row(std::span<const float> x, std::span<const float> weight, float eps, float* out);

// out [T, N] = x [T, K] w [N, K]^T + bias [N] (may be empty) + residual [T, N] (may be null)
void linear(const float* x, int64_t n_rows, std::span<const float> w, int64_t n_in, int64_t n_out,
            std::span<const float> bias, const float* residual, float* out);

// Turns the pairs (i, i + n_rot/2) of each head of one row.
void rope_row(std::span<const float> x, int32_t position, std::span<const float> inv_freq,
              const RopeAttrs& attrs, float* out);

// act(gate) * up
void glu(std::span<const float> gate, std::span<const float> up, Activation activation, float* out);

// One query row against n_keys cached rows. keys(i) and values(i) give [Hkv * head_dim] of visible position
// i.
struct AttentionRow {
  const float* q;            // [H * head_dim]
  const float* const* keys;  // n_keys pointers
  const float* const* values;
  int64_t n_keys;
};
void attention_row(const AttentionRow& row, const AttentionAttrs& attrs, float* out);

}  // namespace dunlin::reference
