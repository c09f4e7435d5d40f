// What the model module must know about an architecture before a graph is built: its names in both kinds of
// files and how these differ from a plain Llama block. Data only; the forward passes are in arch/.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace dunlin {

struct ArchitectureTraits {
  const char* name;                   // general.architecture
  bool gguf_rows_are_paired = false;  // q and k rows of GGUF files keep rotary pairs side by side
  // A.attention.sliding_window holds for all layers. Otherwise it is not looked at: Qwen's config.json names
  // a window that use_sliding_window turns off, GGUF has no key for that switch, and llama.cpp does not read
  // the window of these architectures either.
  bool gguf_window_counts = false;
  bool has_qkv_bias = false;  // always
  bool has_qk_norm = false;
  int64_t hf_head_dim = 0;  // where config.json says nothing; 0: hidden_size / heads
};

// A class of transformers and the architecture that runs it.
struct HfClass {
  const char* class_name;  // config.json: architectures[0]
  const char* model_type;  // config.json: model_type
  const char* architecture;
};

std::span<const ArchitectureTraits> architecture_traits();
std::span<const HfClass> hf_classes();
// Null if the name is unknown.
const ArchitectureTraits* find_architecture_traits(std::string_view name);

}  // namespace dunlin
