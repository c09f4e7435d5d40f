#include "core/quant/type_mix.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

using namespace dunlin;

namespace {

struct Dimensions {
  uint32_t n_layer;
  int64_t n_embd, n_ff, n_q, n_kv, n_vocab;
  bool tied;
};

// The tensors of a Qwen 2.5 model. Owns the names that MixTensor borrows.
class Qwen2Tensors {
 public:
  explicit Qwen2Tensors(const Dimensions& d) {
    add("token_embd.weight", {d.n_vocab, d.n_embd});
    add("output_norm.weight", {d.n_embd});
    if (!d.tied) add("output.weight", {d.n_vocab, d.n_embd});
    for (uint32_t i = 0; i < d.n_layer; ++i) {
      const std::string layer = "blk." + std::to_string(i) + ".";
      add(layer + "attn_norm.weight", {d.n_embd});
      add(layer + "ffn_norm.weight", {d.n_embd});
      add(layer + "attn_q.weight", {d.n_q, d.n_embd});
      add(layer + "attn_k.weight", {d.n_kv, d.n_embd});
      add(layer + "attn_v.weight", {d.n_kv, d.n_embd});
      add(layer + "attn_q.bias", {d.n_q});
      add(layer + "attn_k.bias", {d.n_kv});
      add(layer + "attn_v.bias", {d.n_kv});
      add(layer + "attn_output.weight", {d.n_embd, d.n_q});
      add(layer + "ffn_gate.weight", {d.n_ff, d.n_embd});
      add(layer + "ffn_up.weight", {d.n_ff, d.n_embd});
      add(layer + "ffn_down.weight", {d.n_embd, d.n_ff});
    }
  }

  std::vector<MixTensor> tensors() const {
    std::vector<MixTensor> out;
    for (const auto& [name, shape] : entries_) out.push_back({name, shape, DType::kBF16});
    return out;
  }

 private:
  void add(std::string name, Shape shape) { entries_.emplace_back(std::move(name), shape); }
  std::vector<std::pair<std::string, Shape>> entries_;
};

std::map<std::string, int> histogram(const std::vector<DType>& types) {
  std::map<std::string, int> counts;
  for (const DType type : types) ++counts[dtype_name(type)];
  return counts;
}

DType type_of(TypeMix mix, const std::vector<MixTensor>& tensors, std::string_view name,
              const MixModel& model) {
  const std::vector<DType> types = choose_types(mix, model, tensors);
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].name == name) return types[i];
  }
  FAIL("no tensor " << name);
  return DType::kF32;
}

constexpr Dimensions kQwen05B{24, 896, 4864, 896, 128, 151936, true};
constexpr Dimensions kQwen15B{28, 1536, 8960, 1536, 256, 151936, true};

}  // namespace

TEST_CASE("Qwen 2.5 1.5B as Q4_K_M has the published file's types and size") {
  const Qwen2Tensors model(kQwen15B);
  const std::vector<MixTensor> tensors = model.tensors();
  const std::vector<DType> types = choose_types(TypeMix::kQ4_K_M, {28, 12, 2, 0}, tensors);
  CHECK(histogram(types) == std::map<std::string, int>{{"F32", 141}, {"Q4_K", 168}, {"Q6_K", 29}});

  uint64_t bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Shape& shape = tensors[i].shape;
    bytes += uint64_t(shape.n_rows()) * row_bytes(types[i], uint64_t(shape.row_elements()));
  }
  CHECK(bytes > 976'000'000);
  CHECK(bytes < 984'000'000);
}

TEST_CASE("Qwen 2.5 0.5B as Q4_K_M falls back where rows are no multiple of 256") {
  const Qwen2Tensors model(kQwen05B);
  const std::vector<MixTensor> tensors = model.tensors();
  const MixModel mix_model{24, 14, 2, 0};
  CHECK(histogram(choose_types(TypeMix::kQ4_K_M, mix_model, tensors)) ==
        std::map<std::string, int>{{"F32", 121}, {"Q5_0", 132}, {"Q8_0", 13}, {"Q4_K", 12}, {"Q6_K", 12}});

  const auto type = [&](std::string_view name) {
    return type_of(TypeMix::kQ4_K_M, tensors, name, mix_model);
  };
  CHECK(type("token_embd.weight") == DType::kQ8_0);
  CHECK(type("blk.0.attn_q.weight") == DType::kQ5_0);
  // First eighth: layers 0-2, last: 21-23, and every third in between: 5, 8, ...
  CHECK(type("blk.2.attn_v.weight") == DType::kQ8_0);
  CHECK(type("blk.3.attn_v.weight") == DType::kQ5_0);
  CHECK(type("blk.5.attn_v.weight") == DType::kQ8_0);
  CHECK(type("blk.20.ffn_down.weight") == DType::kQ6_K);
  CHECK(type("blk.19.ffn_down.weight") == DType::kQ4_K);
  CHECK(type("blk.21.ffn_down.weight") == DType::kQ6_K);
}

TEST_CASE("a separate head is Q6_K and the embedding follows the base") {
  Dimensions d = kQwen15B;
  d.tied = false;
  const Qwen2Tensors model(d);
  const auto tensors = model.tensors();
  const auto type = [&](TypeMix mix, std::string_view name) {
    return type_of(mix, tensors, name, {28, 12, 2, 0});
  };
  CHECK(type(TypeMix::kQ4_K_M, "output.weight") == DType::kQ6_K);
  CHECK(type(TypeMix::kQ4_K_M, "token_embd.weight") == DType::kQ4_K);
  CHECK(type(TypeMix::kQ4_0, "output.weight") == DType::kQ6_K);
  CHECK(type(TypeMix::kQ4_0, "token_embd.weight") == DType::kQ4_0);
  CHECK(type(TypeMix::kQ5_K_M, "blk.0.attn_v.weight") == DType::kQ6_K);
  CHECK(type(TypeMix::kQ5_K_M, "blk.4.attn_v.weight") == DType::kQ5_K);
}

TEST_CASE("the uniform mixes") {
  const Qwen2Tensors model(kQwen15B);
  const auto tensors = model.tensors();
  const MixModel mix_model{28, 12, 2, 0};
  using Counts = std::map<std::string, int>;
  CHECK(histogram(choose_types(TypeMix::kF16, mix_model, tensors)) == Counts{{"F32", 141}, {"F16", 197}});
  CHECK(histogram(choose_types(TypeMix::kQ8_0, mix_model, tensors)) == Counts{{"F32", 141}, {"Q8_0", 197}});
  CHECK(histogram(choose_types(TypeMix::kQ6_K, mix_model, tensors)) == Counts{{"F32", 141}, {"Q6_K", 197}});
  CHECK(histogram(choose_types(TypeMix::kQ4_0, mix_model, tensors)) ==
        Counts{{"F32", 141}, {"Q4_0", 196}, {"Q6_K", 1}});
}

TEST_CASE("fall-backs by row length") {
  const auto type = [](TypeMix mix, int64_t row) {
    const MixTensor tensor{"blk.0.ffn_up.weight", {8, row}, DType::kF32};
    return choose_types(mix, {1, 1, 1, 0}, {&tensor, 1})[0];
  };
  CHECK(type(TypeMix::kQ4_K_M, 512) == DType::kQ4_K);
  CHECK(type(TypeMix::kQ4_K_M, 96) == DType::kQ5_0);
  CHECK(type(TypeMix::kQ5_K_M, 96) == DType::kQ5_1);
  CHECK(type(TypeMix::kQ6_K, 96) == DType::kQ8_0);
  CHECK(type(TypeMix::kQ4_0, 96) == DType::kQ4_0);
  for (const TypeMix mix :
       {TypeMix::kQ4_K_M, TypeMix::kQ5_K_M, TypeMix::kQ6_K, TypeMix::kQ4_0, TypeMix::kQ8_0, TypeMix::kF16}) {
    CHECK(type(mix, 33) == DType::kF16);
  }
}

TEST_CASE("what is no weight matrix keeps out of the mix") {
  const MixTensor tensors[] = {
      {"blk.0.attn_q_norm.weight", {128}, DType::kBF16},
      {"blk.0.odd_norm.weight", {4, 256}, DType::kF32},
      {"blk.0.ffn_gate_inp.weight", {8, 256}, DType::kF32},
      {"blk.0.attn_q.bias", {256}, DType::kBF16},
      {"blk.0.table", {4, 256}, DType::kF16},
      {"rope_freqs.weight", {64}, DType::kF32},
  };
  const std::vector<DType> expected{DType::kF32, DType::kF32, DType::kF32,
                                    DType::kF32, DType::kF16, DType::kF32};
  CHECK(choose_types(TypeMix::kQ4_K_M, {1, 1, 1, 0}, tensors) == expected);
}

TEST_CASE("eight experts and 80 layers") {
  const MixTensor tensors[] = {{"blk.0.attn_k.weight", {256, 512}, DType::kF16},
                               {"blk.0.attn_v.weight", {256, 512}, DType::kF16},
                               {"blk.0.attn_output.weight", {512, 512}, DType::kF16},
                               {"blk.0.ffn_down_exps.weight", {8, 512, 1024}, DType::kF16}};
  CHECK(choose_types(TypeMix::kQ4_K_M, {32, 32, 8, 8}, tensors) ==
        std::vector<DType>{DType::kQ8_0, DType::kQ8_0, DType::kQ5_K, DType::kQ6_K});
  CHECK(choose_types(TypeMix::kF16, {32, 32, 8, 8}, tensors) == std::vector<DType>(4, DType::kF16));

  Dimensions d{80, 8192, 28672, 8192, 1024, 32000, false};
  const Qwen2Tensors large(d);
  CHECK(type_of(TypeMix::kQ4_K_M, large.tensors(), "blk.10.attn_v.weight", {80, 64, 8, 0}) == DType::kQ5_K);
  CHECK(type_of(TypeMix::kQ4_K_M, large.tensors(), "blk.10.attn_v.weight", {80, 64, 64, 0}) == DType::kQ4_K);
}

TEST_CASE("strange tensor names are plain weights") {
  const MixTensor tensors[] = {{"blk.99999999999999999999.attn_v.weight", {4, 256}, DType::kF32},
                               {"blk..attn_v.weight", {4, 256}, DType::kF32},
                               {"blk.7", {4, 256}, DType::kF32},
                               {"", {4, 256}, DType::kF32},
                               {"weight", {4, 256}, DType::kF32}};
  CHECK(choose_types(TypeMix::kQ4_K_M, {0, 0, 0, 0}, tensors) ==
        std::vector<DType>{DType::kQ4_K, DType::kQ4_K, DType::kF32, DType::kF32, DType::kQ4_K});
}

TEST_CASE("mix names and file types") {
  CHECK(type_mix_from_name("q4_k_m") == TypeMix::kQ4_K_M);
  CHECK(type_mix_from_name("Q4_K_M") == TypeMix::kQ4_K_M);
  CHECK(type_mix_from_name("f16") == TypeMix::kF16);
  CHECK_FALSE(type_mix_from_name("q4_k").has_value());
  CHECK_FALSE(type_mix_from_name("").has_value());
  CHECK(type_mix_file_type(TypeMix::kQ4_K_M) == 15);
  CHECK(type_mix_file_type(TypeMix::kQ5_K_M) == 17);
  CHECK(type_mix_file_type(TypeMix::kF16) == 1);

  std::string names(type_mix_names());
  for (const TypeMix mix :
       {TypeMix::kF16, TypeMix::kQ8_0, TypeMix::kQ6_K, TypeMix::kQ5_K_M, TypeMix::kQ4_K_M, TypeMix::kQ4_0}) {
    CHECK(type_mix_from_name(type_mix_name(mix)) == mix);
    CHECK(names.find(type_mix_name(mix)) != std::string::npos);
  }
}
