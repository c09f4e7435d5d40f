#include "core/model/arch/arch.h"

#include "core/base/check.h"

namespace dunlin {
namespace {

constexpr const Architecture* kArchitectures[] = {&kLlama, &kQwen2, &kQwen3};

}  // namespace

std::span<const Architecture* const> architectures() {
  return kArchitectures;
}

Graph build_model_graph(const ModelConfig& config, const WeightTable& weights, GraphCapacity capacity) {
  for (const Architecture* architecture : architectures()) {
    if (config.architecture != architecture->name) continue;
    GraphBuilder builder(capacity);
    const ValueId inv_freq = builder.constant("inv_freq", rope_inverse_frequencies(config, weights));
    BuildContext context{config, weights, builder, inv_freq};
    const ValueId logits = architecture->build(context);
    return builder.finish(logits);
  }
  check_failed(__FILE__, __LINE__, "known architecture", config.architecture.c_str());
}

}  // namespace dunlin
