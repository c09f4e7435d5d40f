// Graph: one step of a model as data. Built once per capacity bucket by GraphBuilder, rewritten by passes,
// then compiled by a backend; immutable from then on. Values and nodes are vectors, ids are indices: no
// pointers, so a graph can be copied, printed and compared. Not thread-safe while it is being built.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/graph/op.h"
#include "core/tensor/dtype.h"
#include "core/tensor/shape.h"

namespace dunlin {

using ValueId = int32_t;
inline constexpr ValueId kNoValue = -1;

enum class ValueKind : uint8_t {
  kStepInput,  // a field of StepInputs (device/step_inputs.h): changes every step, never its address
  kWeight,     // from the model file, read-only; `index` is its place in Graph::weight_names
  kConstant,   // computed when the graph was built (inv_freq); `index` is its place in Graph::constants
  kState,      // the KV cache
  kTemp,       // between two nodes
  kOutput,     // the step's result
};

// kHidden: not in StepInputs but in the plan's own memory, Plan::hidden().
enum class StepField : uint8_t { kTokens, kPositions, kLogitRows, kHidden, kNone };

struct Value {
  ValueKind kind = ValueKind::kTemp;
  DType type = DType::kF32;
  Shape shape;       // capacity: the first dimension of temps is the bucket's rows
  std::string name;  // weights: the name in the file; temps: who made it, for dumps and errors
  int32_t index = -1;
  StepField field = StepField::kNone;
};

struct Node {
  OpKind op = OpKind::kAdd;
  std::vector<ValueId> inputs;  // in the order of op.h; absent optional inputs are left out, attrs tell
  std::vector<ValueId> outputs;
  OpAttrs attrs;
  std::string name;  // "blk.3.attn_q"
};

// How many rows one run of the graph may hold.
struct GraphCapacity {
  int32_t n_rows = 1;
  int32_t n_logit_rows = 1;
  bool operator==(const GraphCapacity&) const = default;
};

struct Graph {
  GraphCapacity capacity;
  std::vector<Value> values;
  std::vector<Node> nodes;  // in execution order
  std::vector<std::string> weight_names;
  std::vector<std::vector<float>> constants;
  // The result: [R, V]; of a part that another continues (split.h), the hidden rows [T, D].
  ValueId logits = kNoValue;
  ValueId hidden = kNoValue;  // of a part that continues another: that one's hidden rows [T, D]

  const Value& value(ValueId id) const { return values[size_t(id)]; }
  template <typename Attrs>
  static const Attrs& attrs_of(const Node& node) {
    return std::get<Attrs>(node.attrs);
  }
};

// The values that the layout of linear-group inputs gives: weight and bias (or kNoValue) of member i.
struct LinearMember {
  ValueId weight = kNoValue;
  ValueId bias = kNoValue;
};
std::vector<LinearMember> linear_group_members(const Node& node);

// Who reads each value: node indices in order, by value id.
std::vector<std::vector<int32_t>> readers_of(const Graph& graph);

}  // namespace dunlin
