// Synthetic models: random weights in the exact tensor shapes and type mix of a real model, with a complete
// tokenizer, readable by any GGUF reader. For measuring speed where the real weights are not at hand.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/base/status.h"

namespace dunlin {

struct SynthOptions {
  std::string shape;
  std::string type = "q4_k_m";
  int64_t n_layer = 0;    // 0: as the shape
  std::string tokenizer;  // a GGUF file whose tokenizer is taken; empty: a made-up one
  uint64_t seed = 1;
  std::string output;
};

// progress: tensors done and in all.
Status synthesize_model(const SynthOptions& options, const std::function<void(size_t, size_t)>& progress);

}  // namespace dunlin
