// Single ops in graphs that are as small as they can be: what the conformance tests and `dunlin bench --ops`
// run. An op's input is an embedding, so that its values are those of a token.
#pragma once

#include <string>

#include "core/device/kv_spec.h"
#include "core/graph/builder.h"

namespace dunlin::ops {

inline constexpr int32_t kCaseTokens = 64;  // rows of embedding tables: token ids are 0..63

// Tolerances of docs/numerics.md: sum of squared differences / sum of squares.
inline constexpr double kF32Nmse = 1e-10;
inline constexpr double kInt8Nmse = 2e-4;
inline constexpr double kAttentionNmse = 1e-8;
inline constexpr double kQ8AttentionNmse = 2e-4;
inline constexpr double kFp8AttentionNmse = 2e-5;
inline constexpr double kGpuF16Nmse = 1e-7;  // a GPU keeps types that have no plane of their own as F16

double linear_nmse(DType type);
double attention_nmse(KvType type);

// [rows, width], each row that of its token.
ValueId input(GraphBuilder& g, int64_t width, const std::string& name = "x");

struct AttentionShape {
  int32_t n_head, n_head_kv, head_dim, window;
  int32_t layer = 0;
  float scale = 3;     // queries so large that the softmax has peaks
  bool norms = false;  // an RMS norm of each head of queries and keys
};

// Keys and values of the layer are linears of x, [rows, kKeyInputWidth], and go into its cache. n_rot:
// dimensions of each head that turn with the position; 0: none.
inline constexpr int64_t kKeyInputWidth = 32;
void append_keys(GraphBuilder& g, ValueId x, const AttentionShape& shape, int32_t n_rot);
// The same, and attention of queries that are a linear of x, too. name: of the attention.
ValueId attention(GraphBuilder& g, ValueId x, const AttentionShape& shape, int32_t n_rot,
                  const std::string& name);

}  // namespace dunlin::ops
