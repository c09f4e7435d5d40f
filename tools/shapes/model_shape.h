// The shapes of real models, for synthetic ones and for measuring single ops.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dunlin {

struct ModelShape {
  const char* name;
  const char* architecture;
  int64_t n_layer, n_embd, n_ff, n_head, n_head_kv, head_dim, n_vocab, n_ctx_train;
  bool tied;
  float rope_base;
  float rope_factor;  // Llama 3 scaling; 1: none
  float rms_eps;
};

std::optional<ModelShape> find_shape(std::string_view name);
// Every shape's name with ", " between them.
std::string shape_names();

}  // namespace dunlin
