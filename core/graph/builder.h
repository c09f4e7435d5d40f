// GraphBuilder: what an architecture file writes a model with. Each call appends one node and returns its
// output; shapes are inferred and checked at once (op_info.h), so a wrong model fails where it is written.
#pragma once

#include <string>
#include <vector>

#include "core/graph/graph.h"

namespace dunlin {

class GraphBuilder {
 public:
  explicit GraphBuilder(GraphCapacity capacity);

  ValueId weight(const std::string& name, DType type, Shape shape);  // the same name gives the same value
  ValueId constant(const std::string& name, std::vector<float> data);

  ValueId embed(const std::string& name, ValueId table);
  ValueId rms_norm(const std::string& name, ValueId x, ValueId weight, float eps);
  ValueId linear(const std::string& name, ValueId x, ValueId weight, ValueId bias = kNoValue);
  ValueId rope(const std::string& name, ValueId x, ValueId inv_freq, RopeAttrs attrs);
  void kv_append(const std::string& name, ValueId k, ValueId v, KvAppendAttrs attrs);
  ValueId attention(const std::string& name, ValueId q, AttentionAttrs attrs);
  ValueId glu(const std::string& name, ValueId gate, ValueId up, GluAttrs attrs);
  ValueId add(const std::string& name, ValueId a, ValueId b);
  ValueId gather_logit_rows(const std::string& name, ValueId x);

  // The finished graph; the builder is empty afterwards. logits: the output of the head.
  Graph finish(ValueId logits);

 private:
  ValueId add_value(Value value);
  ValueId append(Node node);

  Graph graph_;
  ValueId tokens_;
  ValueId positions_;
  ValueId logit_rows_;
  ValueId kv_state_;
};

}  // namespace dunlin
