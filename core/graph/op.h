// The ops of the graph: coarse steps of a transformer, never tensor algebra. What an op means, exactly, is
// what backends/reference does; shapes are [rows, features] unless stated. T = rows of a step (tokens of all
// sequences), R = rows that want logits.
#pragma once

#include <cstdint>
#include <variant>

namespace dunlin {

enum class OpKind : uint8_t {
  kEmbed,        // (tokens [T], table [V, D]) -> [T, D]
  kRmsNorm,      // (x [T, D], weight [G]) -> [T, D]; each group of G features is normed by itself, D % G == 0
  kLinear,       // (x [T, K], w [N, K], bias [N]?, residual [T, N]?) -> x w^T + bias + residual, [T, N]
  kLinearGroup,  // (x [T, K], (w_i [N_i, K], bias_i [N_i]?) ...) -> (y_i [T, N_i] ...): linears on one input
  kLinearGlu,    // (x [T, K], gate [N, K], up [N, K]) -> act(x gate^T) * (x up^T), [T, N]
  kRope,         // (x [T, H * head_dim], positions [T], inv_freq [n_rot / 2]) -> [T, H * head_dim]
  kKvAppend,     // (k [T, Hkv * head_dim], v [T, Hkv * head_dim], kv state) -> writes the step's rows
  kAttention,    // (q [T, H * head_dim], kv state) -> [T, H * head_dim], causal over each row's own sequence
  kGlu,          // (gate [T, F], up [T, F]) -> act(gate) * up
  kAdd,          // (a, b) -> a + b
  kGatherRows,   // (x [T, D], logit_rows [R]) -> [R, D]
};

const char* op_name(OpKind op);

struct NoAttrs {
  bool operator==(const NoAttrs&) const = default;
};

struct RmsNormAttrs {
  float eps = 0;
  bool operator==(const RmsNormAttrs&) const = default;
};

struct LinearAttrs {
  bool has_bias = false;
  bool has_residual = false;
  bool operator==(const LinearAttrs&) const = default;
};

struct LinearGroupAttrs {
  uint8_t n_members = 0;  // outputs
  uint8_t bias_mask = 0;  // bit i: member i has a bias
  bool operator==(const LinearGroupAttrs&) const = default;
};

// Pairs (i, i + n_rot / 2) of every head turn by theta = position * inv_freq[i]; the rest of the head passes.
// Scaling of every kind is folded into inv_freq and magnitude when the graph is built.
struct RopeAttrs {
  int32_t head_dim = 0;
  int32_t n_rot = 0;
  float magnitude = 1;  // multiplies cos and sin (YaRN, longrope)
  bool operator==(const RopeAttrs&) const = default;
};

struct KvAppendAttrs {
  int32_t layer = 0;
  bool operator==(const KvAppendAttrs&) const = default;
};

struct AttentionAttrs {
  int32_t layer = 0;
  int32_t n_head = 0;
  int32_t n_head_kv = 0;
  int32_t head_dim = 0;
  float scale = 1;     // multiplies q k^T
  int32_t window = 0;  // position p is visible to t if p <= t and t - p < window; 0: no limit
  bool operator==(const AttentionAttrs&) const = default;
};

enum class Activation : uint8_t { kSilu, kGeluTanh };

struct GluAttrs {
  Activation activation = Activation::kSilu;
  bool operator==(const GluAttrs&) const = default;
};

using OpAttrs = std::variant<NoAttrs, RmsNormAttrs, LinearAttrs, LinearGroupAttrs, RopeAttrs, KvAppendAttrs,
                             AttentionAttrs, GluAttrs>;

}  // namespace dunlin
