// The ops of real models at their true shapes: the cases of `dunlin bench --ops`.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/device/kv_spec.h"
#include "core/graph/builder.h"

namespace dunlin::ops {

// A step that an op is measured in: so many rows of each sequence, behind so many tokens.
struct CaseStep {
  int32_t n_rows = 1;
  int32_t n_sequences = 1;
  int32_t depth = 0;
};

struct ShapeCase {
  std::string name;  // "linear qwen2.5-7b gate_up Q4_K"
  double nmse = 0;   // allowed against the reference
  int64_t copy_bytes =
      0;  // of weights that one copy reads: small ones are repeated so that caches forget them
  int64_t row_bytes = 0;  // of activations, of ops that read and write nothing else
  KvSpec kv;              // of one copy: n_layer is 1
  std::vector<CaseStep> steps;
  // Nodes of copy c of the op itself are named copy_prefix(c) + ..., all others not. Returns the output that
  // is checked: of a group the first.
  std::function<ValueId(GraphBuilder&, int32_t copy)> build;
  // Only fills layer `copy` of the cache, as build does; null where there is none.
  std::function<void(GraphBuilder&, int32_t copy)> fill;
};

std::string copy_prefix(int32_t copy);  // "op.3."

// Linears by weight type, attention by KV type and depth, and the ops on rows. A model whose rows do not
// divide into a type's blocks has no case of it.
std::vector<ShapeCase> shape_cases();

}  // namespace dunlin::ops
