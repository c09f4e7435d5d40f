// The parts that transformer blocks are made of, built from the config's data: an architecture file puts them
// together and adds only what is its own.
#pragma once

#include <string_view>
#include <vector>

#include "core/graph/builder.h"
#include "core/model/config.h"
#include "core/model/weights.h"

namespace dunlin {

// What building a graph needs at hand. Borrows; lives as long as the build.
struct BuildContext {
  const ModelConfig& config;
  const WeightTable& weights;
  GraphBuilder& graph;
  ValueId inv_freq;  // of rope, shared by all layers
};

// inv_freq[i] such that rope's angle is position * inv_freq[i]: base, scaling of every kind and the model's
// own factors folded into one table, computed in double. Source: the Llama 3 and YaRN papers' reference code.
std::vector<float> rope_inverse_frequencies(const ModelConfig& config, const WeightTable& weights);

// x w^T + bias, where the model has "<part>.bias".
ValueId layer_linear(BuildContext& b, int64_t layer, std::string_view part, ValueId x);

// norm(x) with "blk.<layer>.<part>.weight".
ValueId layer_norm(BuildContext& b, int64_t layer, std::string_view part, ValueId x);

// x + Wo attention(norm(x)): grouped-query attention with rotary positions. Biases and q/k norms are there
// where the config says so.
ValueId attention_block(BuildContext& b, int64_t layer, ValueId x);

// x + Wdown(act(Wgate n) * Wup n), n = norm(x).
ValueId gated_mlp_block(BuildContext& b, int64_t layer, ValueId x);

// Embeds the step's tokens.
ValueId token_embedding(BuildContext& b);

// Final norm and head of the rows that want logits; a tied head is the embedding table.
ValueId language_head(BuildContext& b, ValueId x);

// Embedding, n_layer times attention and gated MLP, head: the whole of a Llama-like model.
ValueId pre_norm_decoder(BuildContext& b);

}  // namespace dunlin
