#include "tests/unit/model/raw_gguf.h"

#include "tests/unit/model/tiny_model.h"

namespace dunlin::test {
namespace {

enum : int32_t { kU8 = 0, kU32 = 4, kI32 = 5, kF32 = 6, kBool = 7, kString = 8, kArray = 9 };

void begin_pair(RawGguf& raw, const std::string& key, int32_t type) {
  raw.add_text(key + ".key", key);
  raw.add(key + ".type", type);
}

void add_u32(RawGguf& raw, const std::string& key, uint32_t value) {
  begin_pair(raw, key, kU32);
  raw.add(key + ".value", value);
}

void add_f32(RawGguf& raw, const std::string& key, float value) {
  begin_pair(raw, key, kF32);
  raw.add(key + ".value", value);
}

void add_string(RawGguf& raw, const std::string& key, std::string_view value) {
  begin_pair(raw, key, kString);
  raw.add_text(key + ".value", value);
}

void add_tokens(RawGguf& raw) {
  const std::string key = "tokenizer.ggml.tokens";
  begin_pair(raw, key, kArray);
  raw.add(key + ".element", int32_t(kString));
  raw.add(key + ".count", uint64_t(kTinyVocabulary));
  for (int64_t i = 0; i < kTinyVocabulary; ++i) raw.add_text(str_cat(key, ".", i), str_cat("t", i));
}

struct RawPair {
  const char* key;
  char kind;  // u, f, s; t: tokens; b: bool
  double number;
  const char* text;
};

constexpr RawPair kPairs[] = {
    {"general.architecture", 's', 0, "llama"},
    {"general.alignment", 'u', 32, ""},
    {"general.name", 's', 0, "raw"},
    {"general.type", 's', 0, "model"},
    {"llama.block_count", 'u', 1, ""},
    {"llama.context_length", 'u', 64, ""},
    {"llama.embedding_length", 'u', 16, ""},
    {"llama.feed_forward_length", 'u', 24, ""},
    {"llama.attention.head_count", 'u', 2, ""},
    {"llama.attention.head_count_kv", 'u', 1, ""},
    {"llama.attention.key_length", 'u', 8, ""},
    {"llama.attention.value_length", 'u', 8, ""},
    {"llama.attention.layer_norm_rms_epsilon", 'f', 1e-5, ""},
    {"llama.attention.sliding_window", 'u', 32, ""},
    {"llama.rope.dimension_count", 'u', 8, ""},
    {"llama.rope.freq_base", 'f', 10000, ""},
    {"llama.rope.scaling.type", 's', 0, "yarn"},
    {"llama.rope.scaling.factor", 'f', 2, ""},
    {"llama.rope.scaling.original_context_length", 'u', 32, ""},
    {"llama.rope.scaling.yarn_beta_fast", 'f', 32, ""},
    {"llama.vocab_size", 'u', double(kTinyVocabulary), ""},
    {"test.flag", 'b', 1, ""},
    {"tokenizer.ggml.tokens", 't', 0, ""},
};

}  // namespace

RawGguf raw_llama() {
  const std::vector<TinyTensor> tensors = tiny_tensors({.n_layer = 1});
  RawGguf raw;
  raw.fields.push_back({"magic", raw_text("GGUF")});
  raw.add("version", uint32_t(3));
  raw.add("n_tensors", uint64_t(tensors.size()));
  raw.add("n_pairs", uint64_t(std::size(kPairs)));
  for (const RawPair& pair : kPairs) {
    if (pair.kind == 'u') add_u32(raw, pair.key, uint32_t(pair.number));
    if (pair.kind == 'f') add_f32(raw, pair.key, float(pair.number));
    if (pair.kind == 's') add_string(raw, pair.key, pair.text);
    if (pair.kind == 't') add_tokens(raw);
    if (pair.kind == 'b') {
      begin_pair(raw, pair.key, kBool);
      raw.add(std::string(pair.key) + ".value", uint8_t(pair.number));
    }
  }
  uint64_t offset = 0;
  for (const TinyTensor& tensor : tensors) {
    raw.add_text(tensor.name + ".name", tensor.name);
    raw.add(tensor.name + ".rank", uint32_t(tensor.shape.rank()));
    for (int i = 0; i < tensor.shape.rank(); ++i)
      raw.add(str_cat(tensor.name, ".dim", i), tensor.shape[tensor.shape.rank() - 1 - i]);
    raw.add(tensor.name + ".type", uint32_t(0));
    raw.add(tensor.name + ".offset", offset);
    offset += (uint64_t(tensor.shape.elements()) * sizeof(float) + 31) / 32 * 32;
  }
  raw.data.assign(size_t(offset), 0);
  return raw;
}

std::vector<std::string> raw_llama_keys() {
  std::vector<std::string> out;
  for (const RawPair& pair : kPairs) out.emplace_back(pair.key);
  return out;
}

std::vector<std::string> raw_llama_tensors() {
  std::vector<std::string> out;
  for (const TinyTensor& tensor : tiny_tensors({.n_layer = 1})) out.push_back(tensor.name);
  return out;
}

}  // namespace dunlin::test
