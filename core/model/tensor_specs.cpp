#include "core/model/tensor_specs.h"

#include <algorithm>
#include <string_view>

namespace dunlin {
namespace {

void add_layer(const ModelConfig& config, int64_t layer, std::vector<TensorSpec>& out) {
  const auto add = [&](std::string_view part, Shape shape, bool rotary_rows = false) {
    out.push_back({str_cat("blk.", layer, ".", part), shape, true, rotary_rows});
  };
  const int64_t n_embd = config.n_embd;
  const int64_t n_q = config.n_embd_q();
  const int64_t n_kv = config.n_embd_kv();
  const int64_t n_ff = config.n_ff[size_t(layer)];
  add("attn_norm.weight", {n_embd});
  add("attn_q.weight", {n_q, n_embd}, true);
  add("attn_k.weight", {n_kv, n_embd}, true);
  add("attn_v.weight", {n_kv, n_embd});
  add("attn_output.weight", {n_embd, n_q});
  if (config.attention_qkv_bias) {
    add("attn_q.bias", {n_q}, true);
    add("attn_k.bias", {n_kv}, true);
    add("attn_v.bias", {n_kv});
  }
  if (config.attention_output_bias) add("attn_output.bias", {n_embd});
  if (config.qk_norm) {
    add("attn_q_norm.weight", {config.head_dim});
    add("attn_k_norm.weight", {config.head_dim});
  }
  add("ffn_norm.weight", {n_embd});
  add("ffn_gate.weight", {n_ff, n_embd});
  add("ffn_up.weight", {n_ff, n_embd});
  add("ffn_down.weight", {n_embd, n_ff});
  if (config.ffn_bias) {
    add("ffn_gate.bias", {n_ff});
    add("ffn_up.bias", {n_ff});
    add("ffn_down.bias", {n_embd});
  }
}

}  // namespace

std::vector<TensorSpec> tensor_specs(const ModelConfig& config) {
  std::vector<TensorSpec> out;
  out.push_back({"token_embd.weight", {config.n_vocab, config.n_embd}});
  out.push_back({"output_norm.weight", {config.n_embd}});
  if (!config.tied_embeddings) out.push_back({"output.weight", {config.n_vocab, config.n_embd}});
  for (int64_t layer = 0; layer < config.n_layer; ++layer) add_layer(config, layer, out);
  out.push_back({kRopeFreqs, {config.rope.n_rot / 2}, false});
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

}  // namespace dunlin
