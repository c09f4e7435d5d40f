#include "core/graph/split.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "core/graph/rewrite.h"

namespace dunlin {
namespace {

constexpr std::string_view kLayerPrefix = "blk.";

// The layer that a node belongs to; -1: none.
int32_t layer_of(const Node& node) {
  const std::string_view name = node.name;
  int32_t layer = -1;
  if (name.starts_with(kLayerPrefix))
    std::from_chars(name.data() + kLayerPrefix.size(), name.data() + name.size(), layer);
  return layer;
}

// The first node of the layer, or the first behind all layers.
size_t border_before(const Graph& graph, int32_t layer) {
  size_t behind = 0;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const int32_t own = layer_of(graph.nodes[n]);
    if (own >= layer) return n;
    if (own >= 0) behind = n + 1;
  }
  return behind;
}

// The value that nodes [begin, border) make and nodes from border on read.
Result<ValueId> crossing_value(const Graph& graph, size_t begin, size_t border) {
  std::vector<ValueId> crossing;
  for (size_t n = border; n < graph.nodes.size(); ++n) {
    for (const ValueId id : graph.nodes[n].inputs) {
      const int32_t maker = producer_of(graph, id);
      if (maker < 0 || size_t(maker) >= border || std::ranges::count(crossing, id) > 0) continue;
      if (size_t(maker) < begin)
        return Status::unsupported("node '", graph.nodes[n].name, "' reads what node '",
                                   graph.nodes[size_t(maker)].name,
                                   "' made more than one part before it: this model cannot be split there");
      crossing.push_back(id);
    }
  }
  if (crossing.size() != 1 || graph.value(crossing[0]).shape.rank() != 2)
    return Status::unsupported(crossing.size(), " values cross the border before node '",
                               border < graph.nodes.size() ? graph.nodes[border].name : "(none)",
                               "', expected one [T, D]: this model cannot be split there");
  return crossing[0];
}

// Nodes [begin, end) as a graph of their own.
class PartBuilder {
 public:
  PartBuilder(const Graph& whole, int32_t first_layer)
      : whole_(whole), first_layer_(first_layer), own_(whole.values.size(), kNoValue) {
    part_.capacity = whole.capacity;
  }

  void read_hidden(ValueId crossing) {
    Value hidden = whole_.value(crossing);
    hidden.kind = ValueKind::kStepInput;
    hidden.field = StepField::kHidden;
    hidden.name = "hidden";
    part_.values.push_back(std::move(hidden));
    part_.hidden = own_[size_t(crossing)] = ValueId(part_.values.size() - 1);
  }
  void copy_node(const Node& node) {
    Node copy = node;
    for (ValueId& id : copy.inputs) id = value(id);
    for (ValueId& id : copy.outputs) id = value(id);
    if (auto* append = std::get_if<KvAppendAttrs>(&copy.attrs)) append->layer -= first_layer_;
    if (auto* attention = std::get_if<AttentionAttrs>(&copy.attrs)) attention->layer -= first_layer_;
    part_.nodes.push_back(std::move(copy));
  }
  Graph finish(ValueId result) {
    part_.logits = value(result);
    part_.values[size_t(part_.logits)].kind = ValueKind::kOutput;
    return std::move(part_);
  }

 private:
  // The part's own copy of a value.
  ValueId value(ValueId id) {
    if (own_[size_t(id)] != kNoValue) return own_[size_t(id)];
    Value copy = whole_.value(id);
    if (copy.kind == ValueKind::kWeight) {
      part_.weight_names.push_back(copy.name);
      copy.index = int32_t(part_.weight_names.size() - 1);
    }
    if (copy.kind == ValueKind::kConstant) {
      part_.constants.push_back(whole_.constants[size_t(copy.index)]);
      copy.index = int32_t(part_.constants.size() - 1);
    }
    part_.values.push_back(std::move(copy));
    return own_[size_t(id)] = ValueId(part_.values.size() - 1);
  }

  const Graph& whole_;
  const int32_t first_layer_;
  std::vector<ValueId> own_;  // by value of the whole
  Graph part_;
};

}  // namespace

Result<std::vector<Graph>> split_graph(const Graph& graph, std::span<const int32_t> cuts) {
  std::vector<Graph> parts;
  size_t begin = 0;
  ValueId hidden = kNoValue;
  for (size_t i = 0; i <= cuts.size(); ++i) {
    const bool is_last = i == cuts.size();
    const size_t end = is_last ? graph.nodes.size() : border_before(graph, cuts[i]);
    DUNLIN_CHECK(begin < end);
    ValueId result = graph.logits;
    if (!is_last) {
      DUNLIN_ASSIGN_OR_RETURN(result, crossing_value(graph, begin, end));
    }
    PartBuilder part(graph, i == 0 ? 0 : cuts[i - 1]);
    if (hidden != kNoValue) part.read_hidden(hidden);
    for (size_t n = begin; n < end; ++n) part.copy_node(graph.nodes[n]);
    parts.push_back(part.finish(result));
    begin = end;
    hidden = result;
  }
  return parts;
}

}  // namespace dunlin
