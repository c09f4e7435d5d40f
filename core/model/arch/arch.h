// The architectures that Dunlin knows: one file each, and one line in arch.cpp.
#pragma once

#include <span>
#include <string_view>

#include "core/graph/graph.h"
#include "core/model/blocks.h"

namespace dunlin {

struct Architecture {
  const char* name;                         // GGUF's general.architecture
  ValueId (*build)(BuildContext& context);  // the whole forward pass; returns the logits
};

extern const Architecture kLlama;
extern const Architecture kQwen2;
extern const Architecture kQwen3;

std::span<const Architecture* const> architectures();

// One step of the model for the given capacity, before any pass. The config came from config_from_*, which
// refuses every architecture that is not in the list.
Graph build_model_graph(const ModelConfig& config, const WeightTable& weights, GraphCapacity capacity);

}  // namespace dunlin
