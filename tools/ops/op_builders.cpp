#include "tools/ops/op_builders.h"

#include <cmath>

namespace dunlin::ops {
namespace {

constexpr float kRopeBase = 1e6f;

ValueId turned(GraphBuilder& g, ValueId x, const AttentionShape& s, int32_t n_rot, const std::string& name) {
  if (n_rot == 0) return x;
  std::vector<float> inv_freq;
  for (int32_t i = 0; i < n_rot / 2; ++i)
    inv_freq.push_back(std::pow(kRopeBase, -2.0f * float(i) / float(n_rot)));
  return g.rope(name, x, g.constant("inv_freq", std::move(inv_freq)), {s.head_dim, n_rot, 1});
}

}  // namespace

double linear_nmse(DType type) {
  return dtype_info(type).quantized ? kInt8Nmse : kF32Nmse;
}

double attention_nmse(KvType type) {
  switch (type) {
    case KvType::kF16:
      return kAttentionNmse;
    case KvType::kQ8_0:
      return kQ8AttentionNmse;
    case KvType::kFp8:
      return kFp8AttentionNmse;
  }
  return kAttentionNmse;
}

ValueId input(GraphBuilder& g, int64_t width, const std::string& name) {
  return g.embed(name, g.weight("x", DType::kF32, {kCaseTokens, width}));
}

void append_keys(GraphBuilder& g, ValueId x, const AttentionShape& s, int32_t n_rot) {
  const int64_t kv = int64_t(s.n_head_kv) * s.head_dim;
  const auto name = [&](const char* part) { return str_cat(part, ".", s.layer); };
  const ValueId k = g.linear(name("k"), x, g.weight(name("k"), DType::kF32, {kv, kKeyInputWidth}));
  const ValueId v = g.linear(name("v"), x, g.weight(name("v"), DType::kF32, {kv, kKeyInputWidth}));
  g.kv_append(name("append"), turned(g, k, s, n_rot, name("rope_k")), v, {s.layer});
}

ValueId attention(GraphBuilder& g, ValueId x, const AttentionShape& s, int32_t n_rot,
                  const std::string& name) {
  append_keys(g, x, s, n_rot);
  const int64_t width = int64_t(s.n_head) * s.head_dim;
  const std::string q_name = str_cat("q.", s.layer);
  const ValueId q = g.linear(q_name, x, g.weight(q_name, DType::kF32, {width, kKeyInputWidth}));
  return g.attention(name, turned(g, q, s, n_rot, str_cat("rope_q.", s.layer)),
                     {s.layer, s.n_head, s.n_head_kv, s.head_dim, s.scale, s.window});
}

}  // namespace dunlin::ops
