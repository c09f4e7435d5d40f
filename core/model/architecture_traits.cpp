#include "core/model/architecture_traits.h"

namespace dunlin {
namespace {

constexpr ArchitectureTraits kTraits[] = {
    {.name = "llama", .gguf_rows_are_paired = true, .gguf_window_counts = true},
    {.name = "qwen2", .has_qkv_bias = true},
    {.name = "qwen3", .has_qk_norm = true, .hf_head_dim = 128},
};

constexpr HfClass kHfClasses[] = {
    {"LlamaForCausalLM", "llama", "llama"},
    {"MistralForCausalLM", "mistral", "llama"},
    {"Qwen2ForCausalLM", "qwen2", "qwen2"},
    {"Qwen3ForCausalLM", "qwen3", "qwen3"},
};

}  // namespace

std::span<const ArchitectureTraits> architecture_traits() {
  return kTraits;
}
std::span<const HfClass> hf_classes() {
  return kHfClasses;
}

const ArchitectureTraits* find_architecture_traits(std::string_view name) {
  for (const ArchitectureTraits& traits : kTraits)
    if (name == traits.name) return &traits;
  return nullptr;
}

}  // namespace dunlin
