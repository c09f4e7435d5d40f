#include "core/model/blocks.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace dunlin {
namespace {

ValueId model_weight(BuildContext& b, const std::string& name) {
  const Weight& weight = b.weights.at(name);
  return b.graph.weight(name, weight.tensor.type, weight.tensor.shape);
}

std::string layer_name(int64_t layer, std::string_view part) {
  return str_cat("blk.", layer, ".", part);
}

// How far pair i keeps its unscaled angle under YaRN: 1 for fast pairs, 0 for slow ones, a ramp between.
double yarn_extrapolation(const RopeConfig& rope, int64_t i) {
  const double context = double(rope.original_context);
  const auto correction = [&](double beta) {
    return double(rope.n_rot) * std::log(context / (2 * std::numbers::pi * beta)) /
           (2 * std::log(double(rope.freq_base)));
  };
  const double low = std::max(0.0, std::floor(correction(rope.beta_fast)));
  const double high = std::min(double(rope.n_rot - 1), std::ceil(correction(rope.beta_slow)));
  return 1 - std::clamp((double(i) - low) / std::max(0.001, high - low), 0.0, 1.0);
}

std::vector<float> frequency_factors(const WeightTable& weights, int64_t n_pairs) {
  std::vector<float> factors(size_t(n_pairs), 1.0f);
  const std::span<const float> stored = weights.rope_freqs();
  std::copy(stored.begin(), stored.end(), factors.begin());
  return factors;
}

}  // namespace

std::vector<float> rope_inverse_frequencies(const ModelConfig& config, const WeightTable& weights) {
  const RopeConfig& rope = config.rope;
  const std::vector<float> factors = frequency_factors(weights, rope.n_rot / 2);
  std::vector<float> inv_freq(factors.size());
  for (size_t i = 0; i < factors.size(); ++i) {
    double f = std::pow(double(rope.freq_base), -2.0 * double(i) / double(rope.n_rot)) / double(factors[i]);
    if (rope.scaling == RopeScaling::kLinear) f /= double(rope.factor);
    if (rope.scaling == RopeScaling::kYarn) {
      const double r = yarn_extrapolation(rope, int64_t(i));
      f *= (1 - r) / double(rope.factor) + r;
    }
    inv_freq[i] = float(f);
  }
  return inv_freq;
}

ValueId layer_linear(BuildContext& b, int64_t layer, std::string_view part, ValueId x) {
  const std::string name = layer_name(layer, part);
  const bool has_bias = b.weights.find(name + ".bias") != nullptr;
  const ValueId bias = has_bias ? model_weight(b, name + ".bias") : kNoValue;
  return b.graph.linear(name, x, model_weight(b, name + ".weight"), bias);
}

ValueId layer_norm(BuildContext& b, int64_t layer, std::string_view part, ValueId x) {
  const std::string name = layer_name(layer, part);
  return b.graph.rms_norm(name, x, model_weight(b, name + ".weight"), b.config.rms_eps);
}

ValueId attention_block(BuildContext& b, int64_t layer, ValueId x) {
  const ModelConfig& c = b.config;
  const ValueId n = layer_norm(b, layer, "attn_norm", x);
  ValueId q = layer_linear(b, layer, "attn_q", n);  // [T, n_head * head_dim]
  ValueId k = layer_linear(b, layer, "attn_k", n);  // [T, n_head_kv * head_dim]
  const ValueId v = layer_linear(b, layer, "attn_v", n);
  if (c.qk_norm) {
    q = layer_norm(b, layer, "attn_q_norm", q);
    k = layer_norm(b, layer, "attn_k_norm", k);
  }
  const RopeAttrs rope{int32_t(c.head_dim), int32_t(c.rope.n_rot), c.rope.magnitude};
  q = b.graph.rope(layer_name(layer, "rope_q"), q, b.inv_freq, rope);
  k = b.graph.rope(layer_name(layer, "rope_k"), k, b.inv_freq, rope);
  b.graph.kv_append(layer_name(layer, "kv_append"), k, v, {int32_t(layer)});
  const AttentionAttrs attention{int32_t(layer),       int32_t(c.n_head),
                                 int32_t(c.n_head_kv), int32_t(c.head_dim),
                                 c.attention_scale,    int32_t(c.sliding_window[size_t(layer)])};
  const ValueId a = b.graph.attention(layer_name(layer, "attention"), q, attention);
  return b.graph.add(layer_name(layer, "attn_residual"), x, layer_linear(b, layer, "attn_output", a));
}

ValueId gated_mlp_block(BuildContext& b, int64_t layer, ValueId x) {
  const ValueId n = layer_norm(b, layer, "ffn_norm", x);
  const ValueId gate = layer_linear(b, layer, "ffn_gate", n);  // [T, n_ff]
  const ValueId up = layer_linear(b, layer, "ffn_up", n);
  const ValueId h = b.graph.glu(layer_name(layer, "ffn_glu"), gate, up, {b.config.activation});
  return b.graph.add(layer_name(layer, "ffn_residual"), x, layer_linear(b, layer, "ffn_down", h));
}

ValueId token_embedding(BuildContext& b) {
  return b.graph.embed("token_embd", model_weight(b, "token_embd.weight"));
}

ValueId language_head(BuildContext& b, ValueId x) {
  const ValueId rows = b.graph.gather_logit_rows("logit_rows", x);
  const ValueId n =
      b.graph.rms_norm("output_norm", rows, model_weight(b, "output_norm.weight"), b.config.rms_eps);
  const char* head = b.weights.find("output.weight") != nullptr ? "output.weight" : "token_embd.weight";
  return b.graph.linear("output", n, model_weight(b, head));
}

ValueId pre_norm_decoder(BuildContext& b) {
  ValueId x = token_embedding(b);
  for (int64_t layer = 0; layer < b.config.n_layer; ++layer) {
    x = attention_block(b, layer, x);
    x = gated_mlp_block(b, layer, x);
  }
  return language_head(b, x);
}

}  // namespace dunlin
