#include "tests/unit/model/tiny_model.h"

#include <cstring>

#include "core/base/check.h"

namespace dunlin::test {
namespace {

std::vector<uint8_t> counting_f32(int64_t n, int64_t from) {
  std::vector<uint8_t> out(size_t(n) * sizeof(float));
  for (int64_t i = 0; i < n; ++i) {
    const float value = float(from + 1) + float(i) / 64.0f;
    std::memcpy(out.data() + size_t(i) * sizeof value, &value, sizeof value);
  }
  return out;
}

}  // namespace

std::vector<TinyTensor> tiny_tensors(const TinyOptions& o) {
  const int64_t n_q = kTinyHeads * kTinyHeadDim;
  const int64_t n_kv = kTinyHeadsKv * kTinyHeadDim;
  std::vector<TinyTensor> out;
  out.push_back({"token_embd.weight", {kTinyVocabulary, kTinyEmbedding}});
  out.push_back({"output_norm.weight", {kTinyEmbedding}});
  if (!o.tied) out.push_back({"output.weight", {kTinyVocabulary, kTinyEmbedding}});
  for (int64_t layer = 0; layer < o.n_layer; ++layer) {
    const auto add = [&](const char* part, Shape shape) {
      out.push_back({str_cat("blk.", layer, ".", part), shape});
    };
    add("attn_norm.weight", {kTinyEmbedding});
    add("attn_q.weight", {n_q, kTinyEmbedding});
    add("attn_k.weight", {n_kv, kTinyEmbedding});
    add("attn_v.weight", {n_kv, kTinyEmbedding});
    add("attn_output.weight", {kTinyEmbedding, n_q});
    if (o.qkv_bias) {
      add("attn_q.bias", {n_q});
      add("attn_k.bias", {n_kv});
      add("attn_v.bias", {n_kv});
    }
    if (o.qk_norm) {
      add("attn_q_norm.weight", {kTinyHeadDim});
      add("attn_k_norm.weight", {kTinyHeadDim});
    }
    add("ffn_norm.weight", {kTinyEmbedding});
    add("ffn_gate.weight", {kTinyFeedForward, kTinyEmbedding});
    add("ffn_up.weight", {kTinyFeedForward, kTinyEmbedding});
    add("ffn_down.weight", {kTinyEmbedding, kTinyFeedForward});
  }
  return out;
}

void set_tiny_metadata(GgufWriter& writer, const TinyOptions& o) {
  const auto key = [&](const char* name) { return str_cat(o.architecture, ".", name); };
  writer.set_string("general.architecture", o.architecture);
  writer.set_string("general.name", "tiny");
  writer.set_u32(key("block_count"), uint32_t(o.n_layer));
  writer.set_u32(key("context_length"), 64);
  writer.set_u32(key("embedding_length"), uint32_t(kTinyEmbedding));
  writer.set_u32(key("feed_forward_length"), uint32_t(kTinyFeedForward));
  writer.set_u32(key("attention.head_count"), uint32_t(kTinyHeads));
  writer.set_u32(key("attention.head_count_kv"), uint32_t(kTinyHeadsKv));
  writer.set_f32(key("attention.layer_norm_rms_epsilon"), 1e-5f);
  const std::vector<std::string_view> tokens = {"<unk>", "<s>", "</s>", "a", "b", "ab"};
  writer.set_string_array("tokenizer.ggml.tokens", tokens);
}

void add_tiny_tensors(GgufWriter& writer, const TinyOptions& o) {
  int64_t number = 0;
  for (TinyTensor& tensor : tiny_tensors(o)) {
    DType type = DType::kF32;
    if (o.edit && !o.edit(tensor.name, tensor.shape, type)) continue;
    const uint64_t n_bytes =
        uint64_t(tensor.shape.n_rows()) * row_bytes(type, uint64_t(tensor.shape.row_elements()));
    std::vector<uint8_t> bytes(size_t(n_bytes), uint8_t(0));
    if (type == DType::kF32) bytes = counting_f32(tensor.shape.elements(), number);
    const Status status = writer.add_tensor(
        tensor.name, type, tensor.shape, [bytes](const GgufWriter::Append& append) { return append(bytes); });
    DUNLIN_CHECK_MSG(status.is_ok(), status.message().c_str());
    ++number;
  }
}

std::vector<uint8_t> tiny_gguf(const TinyOptions& options) {
  GgufWriter writer;
  set_tiny_metadata(writer, options);
  add_tiny_tensors(writer, options);
  return std::move(writer.write_to_memory()).value();
}

}  // namespace dunlin::test
