// Which nodes of a graph run inside others: RMS norms that a quantized linear does on its way in, and the
// norm, rotation and cache append that belong to an attention.
#pragma once

#include <vector>

#include "core/graph/graph.h"

namespace dunlin::cuda {

struct NormFusion {
  ValueId input = kNoValue;
  ValueId weight = kNoValue;
  float eps = 0;
};

// What an attention node needs beside its attributes. q, k and v are the values as the linears left them.
struct AttentionFusion {
  ValueId q = kNoValue, k = kNoValue, v = kNoValue;
  ValueId q_norm = kNoValue, k_norm = kNoValue;  // weights, or none
  float norm_eps = 0;
  ValueId inv_freq = kNoValue;
  int32_t n_rot = 0;
  float magnitude = 1;
};

struct Fusions {
  std::vector<bool> skipped;               // by node: it runs inside another
  std::vector<NormFusion> norm_of_value;   // by value: a norm that its readers do; input kNoValue: none
  std::vector<AttentionFusion> attention;  // by node; q kNoValue: not an attention
};

// enabled false: nothing is fused but the append, which always belongs to its attention.
Fusions find_fusions(const Graph& graph, bool enabled);

// A copy of the graph in which fused readers name what they really read, so that a memory plan made of it
// keeps those values alive.
Graph with_fused_inputs(const Graph& graph, const Fusions& fusions);

}  // namespace dunlin::cuda
