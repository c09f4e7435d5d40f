// The graph's rewriting rules, one a file. Each is a free function that returns how often it fired;
// pipeline.cpp lists them in order. Whether a device can run the result is asked through `supports`.
#pragma once

#include <functional>

#include "core/graph/graph.h"

namespace dunlin {

// True if the device can run this node of this graph.
using SupportsNode = std::function<bool(const Graph&, const Node&)>;

// glu(linear(x, gate), linear(x, up)) -> linear_glu(x, gate, up)
int fuse_linear_glu(Graph& graph, const SupportsNode& supports);
// linear(x, q), linear(x, k), linear(x, v) in a row -> one linear_group with an output each
int fuse_linear_group(Graph& graph, const SupportsNode& supports);
// add(r, linear(x, w)) -> linear(x, w) + residual r
int fuse_residual(Graph& graph, const SupportsNode& supports);

// All passes, in order.
void run_passes(Graph& graph, const SupportsNode& supports);

}  // namespace dunlin
