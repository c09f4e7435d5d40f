// ModelConfig: what a model's file says about its architecture, as plain data that graph builders read. Every
// number has been checked: caps, divisibility, finite floats. A value; copy it freely.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/graph/op.h"
#include "core/model/gguf.h"

namespace dunlin {

// Caps on what a file may ask for; kernels and devices rely on them.
inline constexpr int64_t kMaxLayers = 1024;
inline constexpr int64_t kMaxHeads = 1024;
inline constexpr int64_t kMaxHeadDim = 1024;
inline constexpr int64_t kMaxVocabulary = int64_t(1) << 21;
inline constexpr int64_t kMaxEmbedding = int64_t(1) << 17;
inline constexpr int64_t kMaxFeedForward = int64_t(1) << 20;
inline constexpr int64_t kMaxContext = int64_t(1) << 30;

enum class RopeScaling : uint8_t {
  kNone,
  kLinear,  // angles divided by factor
  kLlama3,  // factors per pair; the weight table has them as rope_freqs.weight
  kYarn,    // factor, original_context, beta_fast, beta_slow
};

const char* rope_scaling_name(RopeScaling scaling);

// Rotary positions. Pairs are always elements (i, i + n_rot/2) of a head: where a file keeps q and k rows in
// another order, the weight table gives them in this one (Weight::source_row). Angle of pair i at position p:
// p * freq_base^(-2i/n_rot), divided by rope_freqs.weight[i] if the weight table has it.
struct RopeConfig {
  int64_t n_rot = 0;  // even, <= head_dim; the rest of a head passes through
  float freq_base = 10000.0f;
  RopeScaling scaling = RopeScaling::kNone;
  float factor = 1.0f;
  int64_t original_context = 0;
  // cos and sin are multiplied by this: the attention factors of YaRN resolved to one number.
  float magnitude = 1.0f;
  float beta_fast = 32.0f;  // YaRN
  float beta_slow = 1.0f;
  float low_freq_factor = 1.0f;  // Llama 3
  float high_freq_factor = 4.0f;
};

struct ModelConfig {
  std::string architecture;  // GGUF's name: "llama", "qwen2", "qwen3"
  std::string name;          // general.name, for people; may be empty

  int64_t n_layer = 0;
  int64_t n_embd = 0;
  std::vector<int64_t> n_ff;  // [n_layer]
  int64_t n_head = 0;
  int64_t n_head_kv = 0;  // divides n_head
  int64_t head_dim = 0;
  int64_t n_vocab = 0;  // rows of the embedding
  int64_t n_ctx_train = 0;

  float rms_eps = 0.0f;
  RopeConfig rope;
  Activation activation = Activation::kSilu;
  float attention_scale = 0.0f;  // of q k, 1/sqrt(head_dim) where the model does not say otherwise
  // [n_layer]; position p is visible to t if t - p < window; 0: the whole context
  std::vector<int64_t> sliding_window;

  bool tied_embeddings = false;        // the head is token_embd.weight
  bool attention_qkv_bias = false;     // attn_q.bias, attn_k.bias, attn_v.bias
  bool attention_output_bias = false;  // attn_output.bias
  bool ffn_bias = false;               // ffn_gate.bias, ffn_up.bias, ffn_down.bias
  bool qk_norm = false;                // attn_q_norm.weight, attn_k_norm.weight [head_dim], before rope

  int64_t n_embd_q() const { return n_head * head_dim; }
  int64_t n_embd_kv() const { return n_head_kv * head_dim; }
};

// "llama, qwen2, qwen3": the architectures that this build reads, for messages.
std::string known_architectures();

// parts: all parts of the model, the first with the metadata. Refuses by name a file that is no language
// model.
Result<ModelConfig> config_from_gguf(std::span<const GgufFile* const> parts);
// text: the contents of config.json; source names it in errors.
Result<ModelConfig> config_from_hf(std::string_view text, std::string_view source);

}  // namespace dunlin
