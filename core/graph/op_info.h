// What is known of each op without running it: its shape rule, its work and its bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/graph/graph.h"

namespace dunlin {

// The shapes of the node's outputs. A node that does not fit its inputs is a programming error
// (DUNLIN_CHECK): what comes from files was checked before a graph is built from it.
std::vector<Shape> infer_shapes(const Graph& graph, const Node& node);

struct OpCost {
  int64_t macs = 0;          // multiply-adds for n_rows rows (n_logit_rows rows behind gather_rows)
  int64_t weight_bytes = 0;  // bytes of weights that one run reads, whatever the rows; embed: one row a token
};

// Work of one node for the given number of rows. Attention's work depends on the context and is not counted.
OpCost op_cost(const Graph& graph, const Node& node, int64_t n_rows);

// Rows of a node's output in a step with n_rows rows and n_logit_rows logit rows.
bool is_logit_row_value(const Graph& graph, ValueId value);

// Multiply-adds of one token of decode in matrix products: all of them, and those of the node that makes the
// graph's result.
int64_t macs_per_token(const Graph& graph);
int64_t result_macs_per_token(const Graph& graph);

// Weight bytes that one token of decode reads: every weight of the graph, of an embedding table one row.
int64_t weight_bytes_per_token(const Graph& graph);

}  // namespace dunlin
