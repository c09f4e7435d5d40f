// GGUF's names of Hugging Face tensors.
#include <charconv>

#include "core/model/weights.h"

namespace dunlin {
namespace {

struct NamePair {
  std::string_view hf;
  std::string_view gguf;
};

constexpr NamePair kGlobal[] = {
    {"model.embed_tokens", "token_embd"},
    {"model.norm", "output_norm"},
    {"lm_head", "output"},
};

constexpr NamePair kLayer[] = {
    {"input_layernorm", "attn_norm"},    {"post_attention_layernorm", "ffn_norm"},
    {"self_attn.q_proj", "attn_q"},      {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},      {"self_attn.o_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"}, {"self_attn.k_norm", "attn_k_norm"},
    {"mlp.gate_proj", "ffn_gate"},       {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
};

// Cuts "12." off the front of text; false unless it is a layer number in its one spelling.
bool take_layer(std::string_view& text, int64_t& layer) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), layer);
  if (error != std::errc() || end == text.data() + text.size() || *end != '.' || layer < 0) return false;
  const std::string_view digits(text.data(), size_t(end - text.data()));
  if (digits.size() > 1 && digits[0] == '0') return false;
  text.remove_prefix(digits.size() + 1);
  return true;
}

}  // namespace

std::string gguf_name_from_hf(std::string_view name) {
  constexpr std::string_view kLayers = "model.layers.";
  const size_t dot = name.rfind('.');
  if (dot == name.npos) return {};
  const std::string_view suffix = name.substr(dot);  // ".weight"
  if (suffix != ".weight" && suffix != ".bias") return {};
  std::string_view stem = name.substr(0, dot);
  if (!stem.starts_with(kLayers)) {
    for (const NamePair& pair : kGlobal)
      if (stem == pair.hf) return str_cat(pair.gguf, suffix);
    return {};
  }
  stem.remove_prefix(kLayers.size());
  int64_t layer = 0;
  if (!take_layer(stem, layer)) return {};
  for (const NamePair& pair : kLayer)
    if (stem == pair.hf) return str_cat("blk.", layer, ".", pair.gguf, suffix);
  return {};
}

}  // namespace dunlin
