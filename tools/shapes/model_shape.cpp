#include "tools/shapes/model_shape.h"

namespace dunlin {
namespace {

constexpr ModelShape kShapes[] = {
    {"qwen2.5-0.5b", "qwen2", 24, 896, 4864, 14, 2, 64, 151936, 32768, true, 1e6f, 1, 1e-6f},
    {"qwen2.5-1.5b", "qwen2", 28, 1536, 8960, 12, 2, 128, 151936, 32768, true, 1e6f, 1, 1e-6f},
    {"qwen2.5-7b", "qwen2", 28, 3584, 18944, 28, 4, 128, 152064, 32768, false, 1e6f, 1, 1e-6f},
    {"qwen2.5-32b", "qwen2", 64, 5120, 27648, 40, 8, 128, 152064, 32768, false, 1e6f, 1, 1e-6f},
    {"llama3.2-1b", "llama", 16, 2048, 8192, 32, 8, 64, 128256, 131072, true, 5e5f, 32, 1e-5f},
    {"llama3.1-8b", "llama", 32, 4096, 14336, 32, 8, 128, 128256, 131072, false, 5e5f, 8, 1e-5f},
};

}  // namespace

std::optional<ModelShape> find_shape(std::string_view name) {
  for (const ModelShape& shape : kShapes)
    if (name == shape.name) return shape;
  return std::nullopt;
}

std::string shape_names() {
  std::string names;
  for (const ModelShape& shape : kShapes) names += (names.empty() ? "" : ", ") + std::string(shape.name);
  return names;
}

}  // namespace dunlin
