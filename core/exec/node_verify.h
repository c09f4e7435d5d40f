// Runs a prompt on a device and on the reference, node by node, and finds where they part.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "core/device/registry.h"
#include "core/model/model_files.h"

namespace dunlin {

// The share of a node's energy that may differ once the errors of all nodes before it have added up: int8
// activations against f32. docs/numerics.md says where it comes from.
inline constexpr double kVerifyNmse = 1e-2;

struct NodeError {
  int32_t node = -1;
  std::string name;
  std::string text;  // the node as print_node gives it
  double nmse = 0;   // sum of squared differences / sum of squares of the reference
};

struct VerifyReport {
  std::string device;
  int32_t n_nodes = 0;
  NodeError worst;
  NodeError first_divergence;  // node -1: none
  bool same_argmax = false;    // of the last token's logits
};

Result<VerifyReport> verify_device(const ModelFiles& files, const Registry& registry,
                                   const std::string& device, std::span<const int32_t> tokens,
                                   const Log& log);

}  // namespace dunlin
