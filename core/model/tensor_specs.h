// Which tensors a config implies. Private to the model module.
#pragma once

#include <string>
#include <vector>

#include "core/model/config.h"
#include "core/tensor/shape.h"

namespace dunlin {

struct TensorSpec {
  std::string name;
  Shape shape;
  bool required = true;
  bool rotary_rows = false;  // q or k: rows that some files keep paired
};

// Sorted by name.
std::vector<TensorSpec> tensor_specs(const ModelConfig& config);

inline constexpr const char* kRopeFreqs = "rope_freqs.weight";

}  // namespace dunlin
