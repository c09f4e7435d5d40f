// The table of cases. Tolerances are those of docs/numerics.md: f32 arithmetic, or 8-bit activations.
#include "tests/conformance/op_case.h"

#include <cmath>

namespace dunlin::testing {
namespace {

// For cases that use none.
constexpr KvSpec kSmallKv = {KvType::kF16, 1, 1, 16};

constexpr DType kTypes[] = {DType::kF32,  DType::kF16,  DType::kBF16, DType::kQ4_0, DType::kQ4_1,
                            DType::kQ5_0, DType::kQ5_1, DType::kQ8_0, DType::kQ2_K, DType::kQ3_K,
                            DType::kQ4_K, DType::kQ5_K, DType::kQ6_K};

std::vector<std::vector<CaseChunk>> rows(std::initializer_list<int32_t> counts) {
  std::vector<std::vector<CaseChunk>> steps;
  for (const int32_t n : counts) steps.push_back({{0, n}});
  return steps;
}

void add_linear_cases(std::vector<OpCase>& cases) {
  for (const DType type : kTypes) {
    const int64_t block = dtype_info(type).block_elements;
    for (const int64_t k : {block == 1 ? 37 : block, block == 1 ? 200 : 3 * block}) {
      for (const int64_t n : {1, 17, 53}) {
        OpCase c;
        c.name = str_cat("linear ", dtype_name(type), " n=", n, " k=", k);
        c.nmse = ops::linear_nmse(type);
        c.steps = rows({1, 2, 5, 8, 13, 33, 150});
        c.build = [=](GraphBuilder& g) {
          const ValueId x = ops::input(g, k);
          return g.linear("y", x, g.weight("w", type, {n, k}), g.weight("b", DType::kF32, {n}));
        };
        cases.push_back(std::move(c));
      }
    }
  }
}

// More columns than a tile of any kernel has, and than a few of them.
void add_wide_cases(std::vector<OpCase>& cases) {
  for (const DType type : {DType::kQ5_0, DType::kQ8_0, DType::kQ4_K, DType::kQ6_K}) {
    OpCase c;
    c.name = str_cat("wide linear ", dtype_name(type));
    c.nmse = ops::kInt8Nmse;
    c.steps = rows({3, 64, 150});
    c.build = [=](GraphBuilder& g) {
      return g.linear("y", ops::input(g, 512), g.weight("w", type, {1234, 512}));
    };
    cases.push_back(std::move(c));
  }
}

// Neighbouring linears, a gated MLP and residuals: what the passes fuse.
void add_fused_cases(std::vector<OpCase>& cases) {
  for (const DType type : {DType::kF16, DType::kQ8_0, DType::kQ4_K}) {
    OpCase c;
    c.name = str_cat("gated mlp and group, ", dtype_name(type));
    c.nmse = 4 * ops::kInt8Nmse;  // k is Q8_0 in all of them
    c.steps = rows({1, 4, 9, 40, 140});
    c.build = [=](GraphBuilder& g) {
      const ValueId x = ops::input(g, 256);
      const ValueId n = g.rms_norm("n", x, g.weight("n", DType::kF32, {256}), 1e-6f);
      const ValueId q = g.linear("q", n, g.weight("q", type, {256, 256}), g.weight("qb", DType::kF32, {256}));
      const ValueId k = g.linear("k", n, g.weight("k", DType::kQ8_0, {256, 256}));
      const ValueId h = g.glu("h", g.linear("gate", k, g.weight("gate", type, {512, 256})),
                              g.linear("up", k, g.weight("up", type, {512, 256})), {});
      return g.add("r", q, g.linear("down", h, g.weight("down", type, {256, 512})));
    };
    cases.push_back(std::move(c));
  }
}

// Only silu has kernels everywhere.
void add_gelu_cases(std::vector<OpCase>& cases) {
  for (const DType type : {DType::kF32, DType::kQ8_0, DType::kQ4_K}) {
    OpCase c;
    c.name = str_cat("gated mlp with gelu, ", dtype_name(type));
    c.nmse = type == DType::kF32 ? ops::kF32Nmse : ops::kInt8Nmse;
    c.steps = rows({1, 4, 9, 40});
    c.may_be_refused = true;
    c.build = [=](GraphBuilder& g) {
      const ValueId x = ops::input(g, 256);
      return g.glu("h", g.linear("gate", x, g.weight("gate", type, {48, 256})),
                   g.linear("up", x, g.weight("up", type, {48, 256})), {Activation::kGeluTanh});
    };
    cases.push_back(std::move(c));
  }
  OpCase plain{"glu with gelu", ops::kF32Nmse, rows({1, 5}), kSmallKv, [](GraphBuilder& g) {
                 const ValueId x = ops::input(g, 37);
                 return g.glu("h", x, g.add("twice", x, x), {Activation::kGeluTanh});
               }};
  plain.may_be_refused = true;
  cases.push_back(std::move(plain));
}

void add_row_cases(std::vector<OpCase>& cases) {
  // The linear's result dies at the sum, and a wider row may take its place before all rows are summed.
  cases.push_back(
      {"a wider row behind a narrower", ops::kF32Nmse, rows({1, 9, 40}), kSmallKv, [](GraphBuilder& g) {
         const ValueId x = ops::input(g, 24);
         const ValueId product = g.linear("p", x, g.weight("p", DType::kF32, {24, 24}));
         const ValueId y = g.embed("y", g.weight("y", DType::kF32, {ops::kCaseTokens, 24}));
         const ValueId sum = g.add("sum", y, product);
         const ValueId wide = g.embed("wide", g.weight("wide", DType::kF32, {ops::kCaseTokens, 96}));
         const ValueId narrow = g.linear("n", wide, g.weight("n", DType::kF32, {24, 96}));
         return g.add("out", sum, narrow);
       }});
  for (const DType type : kTypes) {
    const int64_t width = 2 * int64_t(dtype_info(type).block_elements);
    cases.push_back(
        {str_cat("embed ", dtype_name(type)), ops::kF32Nmse, rows({1, 7}), kSmallKv, [=](GraphBuilder& g) {
           return g.embed("x", g.weight("x", type, {ops::kCaseTokens, width}));
         }});
  }
  for (const int64_t group : {8, 30, 64}) {
    cases.push_back(
        {str_cat("rms_norm groups of ", group), ops::kF32Nmse, rows({1, 6}), kSmallKv, [=](GraphBuilder& g) {
           return g.rms_norm("n", ops::input(g, 3 * group), g.weight("w", DType::kF32, {group}), 1e-5f);
         }});
  }
  for (const int32_t n_rot : {16, 10}) {
    cases.push_back(
        {str_cat("rope n_rot=", n_rot), ops::kF32Nmse, rows({3, 1, 40, 1}), kSmallKv, [=](GraphBuilder& g) {
           std::vector<float> inv_freq;
           for (int32_t i = 0; i < n_rot / 2; ++i) inv_freq.push_back(1.0f / float(1 + i * i));
           return g.rope("r", ops::input(g, 48), g.constant("f", inv_freq), {16, n_rot, 1.25f});
         }});
  }
  // An angle that is a product of f32 is off by 2^-24 of itself, here by up to 0.06.
  for (const int32_t position : {131071, 1000003}) {
    OpCase far{str_cat("rope from position ", position), ops::kF32Nmse, rows({3, 1, 40, 1}), kSmallKv,
               [](GraphBuilder& g) {
                 std::vector<float> inv_freq;
                 for (int32_t i = 0; i < 32; ++i) inv_freq.push_back(std::pow(5e5f, -float(i) / 32.0f));
                 return g.rope("r", ops::input(g, 128), g.constant("f", inv_freq), {64, 64, 1.0f});
               }};
    far.first_position = position;
    cases.push_back(std::move(far));
  }
  cases.push_back({"glu", ops::kF32Nmse, rows({1, 5}), kSmallKv, [](GraphBuilder& g) {
                     const ValueId x = ops::input(g, 37);
                     return g.glu("h", x, g.add("twice", x, x), {});
                   }});
  cases.push_back({"gather_rows", ops::kF32Nmse, rows({1, 5}), kSmallKv,
                   [](GraphBuilder& g) { return g.gather_logit_rows("rows", ops::input(g, 19)); }});
}

OpCase attention_case(const ops::AttentionShape& s, int32_t n_rot, KvType type) {
  OpCase c;
  c.name = str_cat("attention heads=", s.n_head, "/", s.n_head_kv, " head_dim=", s.head_dim,
                   " window=", s.window, " n_rot=", n_rot, " norms=", s.norms, " kv=", kv_type_name(type));
  c.nmse = ops::attention_nmse(type);
  c.kv = {type, 1, s.n_head_kv, s.head_dim};
  c.build = [s, n_rot](GraphBuilder& g) {
    return ops::attention(g, ops::input(g, ops::kKeyInputWidth), s, n_rot, "a");
  };
  return c;
}

void add_attention_cases(std::vector<OpCase>& cases) {
  constexpr ops::AttentionShape kShapes[] = {
      {4, 4, 16, 0}, {4, 1, 64, 0}, {6, 2, 80, 0}, {8, 1, 128, 0}, {4, 2, 64, 20}};
  // Prompts in uneven chunks beside decoding sequences, over block borders.
  const std::vector<std::vector<CaseChunk>> steps = {
      {{0, 100}}, {{0, 1}, {1, 50}}, {{0, 40}, {1, 1}, {2, 3}}, {{2, 1}}, {{0, 1}, {1, 1}, {2, 1}},
      {{1, 150}}, {{0, 1}}};
  const auto add = [&](const ops::AttentionShape& s, int32_t n_rot, KvType type) {
    cases.push_back(attention_case(s, n_rot, type));
    cases.back().steps = steps;
  };
  constexpr KvType kKvTypes[] = {KvType::kF16, KvType::kQ8_0, KvType::kFp8};
  for (const ops::AttentionShape& s : kShapes)
    for (const KvType type : kKvTypes) add(s, 0, type);
  // As models have it, so that a device may do it all at once; groups of up to 16 heads.
  for (const KvType type : kKvTypes) {
    add({.n_head = 4, .n_head_kv = 2, .head_dim = 64, .window = 0, .scale = 0.5f, .norms = true}, 64, type);
    add({.n_head = 11, .n_head_kv = 1, .head_dim = 128, .window = 0}, 128, type);
  }
}

// Values beyond what F16 holds.
void add_saturated_case(std::vector<OpCase>& cases) {
  OpCase c;
  c.name = "attention over values that saturate";
  c.nmse = ops::attention_nmse(KvType::kF16);
  c.steps = {{{0, 100}}, {{0, 1}, {1, 50}}, {{2, 1}}, {{0, 1}, {1, 1}, {2, 1}}};
  c.kv = {KvType::kF16, 1, 1, 64};
  c.build = [](GraphBuilder& g) {
    const ValueId x = ops::input(g, 128);
    const ValueId q = g.linear("q", x, g.weight("q", DType::kF32, {128, 128}));
    const ValueId k = g.linear("k", x, g.weight("k", DType::kF32, {64, 128}));
    ValueId v = g.linear("v", x, g.weight("v", DType::kF32, {64, 128}));
    for (int i = 0; i < 20; ++i) v = g.add(str_cat("v", i), v, v);
    g.kv_append("append", k, v, {0});
    return g.attention("a", q, {0, 2, 1, 64, 0.125f, 0});
  };
  cases.push_back(std::move(c));
}

}  // namespace

std::vector<OpCase> all_cases() {
  std::vector<OpCase> cases;
  add_row_cases(cases);
  add_linear_cases(cases);
  add_wide_cases(cases);
  add_fused_cases(cases);
  add_gelu_cases(cases);
  add_attention_cases(cases);
  add_saturated_case(cases);
  return cases;
}

std::vector<OpCase> long_cases() {
  std::vector<OpCase> cases;
  constexpr int32_t kMany = 9;
  std::vector<std::vector<CaseChunk>> steps = rows({150, 150, 1, 150, 150, 150, 150, 150, 1, 150, 1});
  std::vector<CaseChunk>& all = steps.emplace_back();
  for (int32_t i = 0; i < kMany; ++i) all.push_back({i, 1});
  for (const auto& [s, type] : {std::pair<ops::AttentionShape, KvType>{{7, 1, 128, 0}, KvType::kF16},
                                {{16, 1, 64, 0}, KvType::kQ8_0},
                                {{4, 2, 128, 900}, KvType::kFp8},
                                {{8, 8, 64, 0}, KvType::kF16}}) {
    OpCase& c = cases.emplace_back(attention_case(s, s.head_dim, type));
    c.steps = steps;
    c.context = 1300, c.n_sequences = kMany;
  }
  return cases;
}

std::vector<OpCase> prompt_cases() {
  std::vector<OpCase> cases;
  constexpr int64_t kWidth = 512;
  for (const int64_t n : {300, 1000, 1500, 3200}) {
    OpCase& linear = cases.emplace_back();
    linear.name = str_cat("linear n=", n);
    linear.build = [n](GraphBuilder& g) {
      return g.linear("y", ops::input(g, kWidth), g.weight("w", DType::kQ4_K, {n, kWidth}),
                      g.weight("b", DType::kF32, {n}));
    };
    OpCase& glu = cases.emplace_back();
    glu.name = str_cat("glu n=", n / 2);
    glu.build = [n](GraphBuilder& g) {
      const ValueId x = ops::input(g, kWidth);
      return g.glu("h", g.linear("gate", x, g.weight("gate", DType::kQ4_K, {n / 2, kWidth})),
                   g.linear("up", x, g.weight("up", DType::kQ6_K, {n / 2, kWidth})), {});
    };
  }
  for (OpCase& c : cases) c.nmse = ops::kInt8Nmse, c.steps = rows({70, 150}), c.kv = kSmallKv;
  return cases;
}

}  // namespace dunlin::testing
