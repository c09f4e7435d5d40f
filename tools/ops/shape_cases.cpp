#include "tools/ops/shape_cases.h"

#include <cmath>

#include "tools/ops/op_builders.h"
#include "tools/shapes/model_shape.h"

namespace dunlin::ops {
namespace {

constexpr const char* kShapes[] = {"qwen2.5-0.5b", "qwen2.5-1.5b", "qwen2.5-7b"};
// At every shape; the others at one of them.
constexpr DType kTypes[] = {DType::kQ4_K, DType::kQ6_K, DType::kQ8_0, DType::kQ4_0, DType::kF16};
constexpr DType kRareTypes[] = {DType::kQ2_K, DType::kQ3_K, DType::kQ5_K, DType::kQ4_1,
                                DType::kQ5_0, DType::kQ5_1, DType::kBF16, DType::kF32};
constexpr const char* kRareTypesShape = "qwen2.5-1.5b";
constexpr float kNormEps = 1e-6f;

struct Linear {
  const char* name;
  std::vector<int64_t> n;  // rows of each matrix
  int64_t k;
  bool residual, glu, bias;
};

std::vector<Linear> linears_of(const ModelShape& s) {
  const int64_t q = s.n_head * s.head_dim, kv = s.n_head_kv * s.head_dim;
  return {{"qkv", {q, kv, kv}, s.n_embd, false, false, true},
          {"output", {s.n_embd}, q, true, false, false},
          {"gate_up", {s.n_ff, s.n_ff}, s.n_embd, false, true, false},
          {"down", {s.n_embd}, s.n_ff, true, false, false},
          {"head", {s.n_vocab}, s.n_embd, false, false, false}};
}

ValueId build_linear(GraphBuilder& g, const Linear& l, DType type, int32_t copy) {
  const std::string prefix = copy_prefix(copy);
  const ValueId x = input(g, l.k, str_cat("x.", copy));
  ValueId residual = kNoValue;
  if (l.residual)
    residual = g.embed(str_cat("r.", copy), g.weight("residual", DType::kF32, {kCaseTokens, l.n[0]}));
  std::vector<ValueId> out;
  for (size_t i = 0; i < l.n.size(); ++i) {
    const std::string name = str_cat(prefix, l.name, i);
    const ValueId weight = g.weight(name, type, {l.n[i], l.k});
    const ValueId bias = l.bias ? g.weight(name + ".bias", DType::kF32, {l.n[i]}) : kNoValue;
    out.push_back(g.linear(name, x, weight, bias));
  }
  if (l.glu) return g.glu(prefix + l.name, out[0], out[1], {});
  return l.residual ? g.add(str_cat("sum.", copy), residual, out[0]) : out[0];
}

void add_linears(const ModelShape& shape, DType type, std::vector<ShapeCase>& cases) {
  for (const Linear& l : linears_of(shape)) {
    if (l.k % dtype_info(type).block_elements != 0) continue;
    ShapeCase c;
    c.name = str_cat("linear ", shape.name, " ", l.name, " ", dtype_name(type));
    c.nmse = (l.glu ? 4 : 1) * linear_nmse(type);  // of a product of two, of which one is also in a sigmoid
    for (const int64_t n : l.n) c.copy_bytes += n * int64_t(row_bytes(type, uint64_t(l.k)));
    c.kv = {KvType::kF16, 1, 1, 16};
    c.steps = {{1, 1, 0}, {8, 1, 0}, {64, 1, 0}};
    if (l.n[0] != shape.n_vocab) c.steps.push_back({512, 1, 0});  // no step wants so many rows of logits
    c.build = [l, type](GraphBuilder& g, int32_t copy) { return build_linear(g, l, type, copy); };
    cases.push_back(std::move(c));
  }
}

void add_attention(const ModelShape& shape, KvType type, std::vector<ShapeCase>& cases) {
  const auto head_dim = int32_t(shape.head_dim);
  const auto of_layer = [=](int32_t copy) {
    return AttentionShape{int32_t(shape.n_head),         int32_t(shape.n_head_kv), head_dim, 0, copy,
                          3 / std::sqrt(float(head_dim))};
  };
  ShapeCase c;
  c.name = str_cat("attention ", shape.name, " ", kv_type_name(type));
  c.nmse = attention_nmse(type);
  c.kv = {type, 1, int32_t(shape.n_head_kv), head_dim};
  c.steps = {{1, 1, 127}, {1, 1, 1023}, {1, 1, 4095}, {1, 8, 1023}, {512, 1, 0}, {512, 1, 3584}};
  c.build = [=](GraphBuilder& g, int32_t copy) {
    return attention(g, input(g, kKeyInputWidth, str_cat("x.", copy)), of_layer(copy), head_dim,
                     copy_prefix(copy) + "attention");
  };
  c.fill = [=](GraphBuilder& g, int32_t copy) {
    append_keys(g, input(g, kKeyInputWidth, str_cat("x.", copy)), of_layer(copy), head_dim);
  };
  cases.push_back(std::move(c));
}

void add_row_ops(const ModelShape& shape, std::vector<ShapeCase>& cases) {
  const int64_t heads = shape.n_head * shape.head_dim;
  const auto add = [&](const char* op, int64_t bytes, std::function<ValueId(GraphBuilder&, int32_t)> build) {
    ShapeCase c;
    c.name = str_cat(op, " ", shape.name);
    c.nmse = kF32Nmse;
    c.row_bytes = bytes;
    c.kv = {KvType::kF16, 1, 1, 16};
    c.steps = {{1, 1, 0}, {64, 1, 0}, {512, 1, 0}};
    c.build = std::move(build);
    cases.push_back(std::move(c));
  };
  constexpr int64_t kFloat = sizeof(float);
  add("rms_norm", 2 * shape.n_embd * kFloat, [=](GraphBuilder& g, int32_t copy) {
    return g.rms_norm(copy_prefix(copy) + "norm", input(g, shape.n_embd, str_cat("x.", copy)),
                      g.weight("norm", DType::kF32, {shape.n_embd}), kNormEps);
  });
  add("rope", 2 * heads * kFloat, [=](GraphBuilder& g, int32_t copy) {
    std::vector<float> inv_freq;
    for (int64_t i = 0; i < shape.head_dim / 2; ++i) inv_freq.push_back(1 / float(1 + i * i));
    const auto head_dim = int32_t(shape.head_dim);
    return g.rope(copy_prefix(copy) + "rope", input(g, heads, str_cat("x.", copy)),
                  g.constant("inv_freq", std::move(inv_freq)), {head_dim, head_dim, 1});
  });
  add("glu", 3 * shape.n_ff * kFloat, [=](GraphBuilder& g, int32_t copy) {
    const ValueId up = g.embed(str_cat("u.", copy), g.weight("u", DType::kF32, {kCaseTokens, shape.n_ff}));
    return g.glu(copy_prefix(copy) + "glu", input(g, shape.n_ff, str_cat("x.", copy)), up, {});
  });
  add("add", 3 * shape.n_embd * kFloat, [=](GraphBuilder& g, int32_t copy) {
    const ValueId b = g.embed(str_cat("u.", copy), g.weight("u", DType::kF32, {kCaseTokens, shape.n_embd}));
    return g.add(copy_prefix(copy) + "add", input(g, shape.n_embd, str_cat("x.", copy)), b);
  });
}

}  // namespace

std::string copy_prefix(int32_t copy) {
  return str_cat("op.", copy, ".");
}

std::vector<ShapeCase> shape_cases() {
  std::vector<ShapeCase> cases;
  for (const char* name : kShapes) {
    const ModelShape shape = find_shape(name).value();
    for (const DType type : kTypes) add_linears(shape, type, cases);
    if (std::string_view(name) == kRareTypesShape)
      for (const DType type : kRareTypes) add_linears(shape, type, cases);
    for (const KvType type : {KvType::kF16, KvType::kQ8_0, KvType::kFp8}) add_attention(shape, type, cases);
    add_row_ops(shape, cases);
  }
  return cases;
}

}  // namespace dunlin::ops
