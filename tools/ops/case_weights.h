// Random weights for a graph, on a device. The same graph gets the same weights on every device.
#pragma once

#include <memory>
#include <vector>

#include "core/device/device.h"

namespace dunlin::ops {

struct CaseWeights {
  std::vector<std::unique_ptr<DeviceWeight>> owned;
  std::vector<const DeviceWeight*> bindings;  // by Value::index of weights
};

// Vectors are around one, as norms are; matrices keep the size of what they multiply. A weight's bytes depend
// on its index and shape alone. Of large matrices only some blocks are quantized, and dealt out at random.
Result<CaseWeights> upload_random_weights(const Graph& graph, Device& device);

// sum of squared differences / sum of squares of expected, as long as actual.
double nmse(std::span<const float> actual, std::span<const float> expected);

}  // namespace dunlin::ops
