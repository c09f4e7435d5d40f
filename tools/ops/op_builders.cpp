#include "tools/ops/op_builders.h"

#include <cmath>

namespace dunlin::ops {
namespace {

constexpr float kRopeBase = 1e6f;

// What queries and keys of a layer go through on their way from the linear to attention.
class HeadSteps {
 public:
  HeadSteps(GraphBuilder& g, const AttentionShape& shape, int32_t n_rot)
      : g_(g), shape_(shape), n_rot_(n_rot) {
    if (n_rot == 0) return;
    std::vector<float> inv_freq;
    for (int32_t i = 0; i < n_rot / 2; ++i)
      inv_freq.push_back(std::pow(kRopeBase, -2.0f * float(i) / float(n_rot)));
    inv_freq_ = g.constant("inv_freq", std::move(inv_freq));
  }
  // which: "q" or "k".
  ValueId operator()(ValueId heads, const char* which) const {
    const auto name = [&](const char* step) { return str_cat(step, "_", which, ".", shape_.layer); };
    if (shape_.norms) {
      const ValueId weight = g_.weight(name("norm"), DType::kF32, {shape_.head_dim});
      heads = g_.rms_norm(name("norm"), heads, weight, 1e-5f);
    }
    if (n_rot_ > 0) heads = g_.rope(name("rope"), heads, inv_freq_, {shape_.head_dim, n_rot_, 1});
    return heads;
  }

 private:
  GraphBuilder& g_;
  const AttentionShape& shape_;
  int32_t n_rot_;
  ValueId inv_freq_ = kNoValue;
};

void append(GraphBuilder& g, ValueId x, const AttentionShape& s, const HeadSteps& steps) {
  const int64_t kv = int64_t(s.n_head_kv) * s.head_dim;
  const auto name = [&](const char* part) { return str_cat(part, ".", s.layer); };
  const ValueId k = g.linear(name("k"), x, g.weight(name("k"), DType::kF32, {kv, kKeyInputWidth}));
  const ValueId v = g.linear(name("v"), x, g.weight(name("v"), DType::kF32, {kv, kKeyInputWidth}));
  g.kv_append(name("append"), steps(k, "k"), v, {s.layer});
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
  append(g, x, s, HeadSteps(g, s, n_rot));
}

ValueId attention(GraphBuilder& g, ValueId x, const AttentionShape& s, int32_t n_rot,
                  const std::string& name) {
  const HeadSteps steps(g, s, n_rot);
  append(g, x, s, steps);
  const int64_t width = int64_t(s.n_head) * s.head_dim;
  const std::string q_name = str_cat("q.", s.layer);
  const ValueId q = g.linear(q_name, x, g.weight(q_name, DType::kF32, {width, kKeyInputWidth}));
  return g.attention(name, steps(q, "q"), {s.layer, s.n_head, s.n_head_kv, s.head_dim, s.scale, s.window});
}

}  // namespace dunlin::ops
