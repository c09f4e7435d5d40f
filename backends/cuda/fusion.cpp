#include "backends/cuda/fusion.h"

#include "backends/cuda/weight.h"
#include "core/base/check.h"

namespace dunlin::cuda {
namespace {

bool is_linear(OpKind op) {
  return op == OpKind::kLinear || op == OpKind::kLinearGroup || op == OpKind::kLinearGlu;
}

class FusionFinder {
 public:
  explicit FusionFinder(const Graph& graph) : graph_(graph), readers_(readers_of(graph)) {
    producer_.assign(graph.values.size(), -1);
    for (size_t n = 0; n < graph.nodes.size(); ++n)
      for (const ValueId out : graph.nodes[n].outputs) producer_[size_t(out)] = int32_t(n);
    fusions_.skipped.assign(graph.nodes.size(), false);
    fusions_.norm_of_value.resize(graph.values.size());
    fusions_.attention.resize(graph.nodes.size());
  }

  Fusions find(bool enabled) {
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      if (graph_.nodes[n].op == OpKind::kAttention) fuse_attention(n, enabled);
      if (graph_.nodes[n].op == OpKind::kRmsNorm && enabled) fuse_norm(n);
    }
    return std::move(fusions_);
  }

 private:
  // The node that made the value, if it is of this kind and only `reader` reads it.
  const Node* private_producer(ValueId value, OpKind op, int32_t& index) const {
    index = producer_[size_t(value)];
    if (index < 0 || graph_.nodes[size_t(index)].op != op || readers_[size_t(value)].size() != 1)
      return nullptr;
    return &graph_.nodes[size_t(index)];
  }

  // The readers' kernels do the norm: all must be linears of quantized weights on their first input.
  void fuse_norm(size_t n) {
    const Node& node = graph_.nodes[n];
    const ValueId out = node.outputs[0];
    if (graph_.value(node.inputs[1]).shape[0] != graph_.value(out).shape[1] || out == graph_.logits) return;
    for (const int32_t reader : readers_[size_t(out)]) {
      const Node& r = graph_.nodes[size_t(reader)];
      if (!is_linear(r.op) || r.inputs[0] != out) return;
      for (size_t i = 1; i < r.inputs.size(); ++i) {
        const Value& v = graph_.value(r.inputs[i]);
        if (r.inputs[i] == out) return;  // also the residual
        if (v.kind == ValueKind::kWeight && v.shape.rank() == 2 && !is_quantized(plane_for(v.type))) return;
      }
    }
    fusions_.norm_of_value[size_t(out)] = {node.inputs[0], node.inputs[1],
                                           Graph::attrs_of<RmsNormAttrs>(node).eps};
    fusions_.skipped[n] = true;
  }

  void fuse_attention(size_t n, bool enabled) {
    const Node& node = graph_.nodes[n];
    const auto& attrs = Graph::attrs_of<AttentionAttrs>(node);
    AttentionFusion f;
    f.q = node.inputs[0];
    for (size_t a = 0; a < n; ++a) {
      const Node& append = graph_.nodes[a];
      if (append.op != OpKind::kKvAppend || Graph::attrs_of<KvAppendAttrs>(append).layer != attrs.layer)
        continue;
      f.k = append.inputs[0], f.v = append.inputs[1];
      fusions_.skipped[a] = true;
    }
    DUNLIN_CHECK(f.k != kNoValue);
    if (enabled) {
      fuse_rope(f);
      fuse_head_norms(f, attrs.head_dim);
    }
    fusions_.attention[n] = f;
  }

  void fuse_rope(AttentionFusion& f) {
    int32_t q_index, k_index;
    const Node* q = private_producer(f.q, OpKind::kRope, q_index);
    const Node* k = private_producer(f.k, OpKind::kRope, k_index);
    if (q == nullptr || k == nullptr || q->inputs[2] != k->inputs[2] || q->attrs != k->attrs) return;
    const auto& attrs = Graph::attrs_of<RopeAttrs>(*q);
    f.inv_freq = q->inputs[2], f.n_rot = attrs.n_rot, f.magnitude = attrs.magnitude;
    f.q = q->inputs[0], f.k = k->inputs[0];
    fusions_.skipped[size_t(q_index)] = fusions_.skipped[size_t(k_index)] = true;
  }

  void fuse_head_norms(AttentionFusion& f, int32_t head_dim) {
    int32_t q_index, k_index;
    const Node* q = private_producer(f.q, OpKind::kRmsNorm, q_index);
    const Node* k = private_producer(f.k, OpKind::kRmsNorm, k_index);
    if (q == nullptr || k == nullptr || q->attrs != k->attrs) return;
    if (graph_.value(q->inputs[1]).shape[0] != head_dim || graph_.value(k->inputs[1]).shape[0] != head_dim)
      return;
    f.q_norm = q->inputs[1], f.k_norm = k->inputs[1];
    f.norm_eps = Graph::attrs_of<RmsNormAttrs>(*q).eps;
    f.q = q->inputs[0], f.k = k->inputs[0];
    fusions_.skipped[size_t(q_index)] = fusions_.skipped[size_t(k_index)] = true;
  }

  const Graph& graph_;
  std::vector<std::vector<int32_t>> readers_;
  std::vector<int32_t> producer_;
  Fusions fusions_;
};

}  // namespace

Fusions find_fusions(const Graph& graph, bool enabled) {
  return FusionFinder(graph).find(enabled);
}

Graph with_fused_inputs(const Graph& graph, const Fusions& fusions) {
  Graph copy = graph;
  for (size_t n = 0; n < copy.nodes.size(); ++n) {
    Node& node = copy.nodes[n];
    // After the first input: the last one of a linear may be the residual, which its place tells.
    const auto keep = [&](ValueId value) {
      if (value != kNoValue) node.inputs.insert(node.inputs.begin() + 1, value);
    };
    if (is_linear(node.op)) keep(fusions.norm_of_value[size_t(node.inputs[0])].input);
    const AttentionFusion& a = fusions.attention[n];
    keep(a.q), keep(a.k), keep(a.v);
  }
  return copy;
}

}  // namespace dunlin::cuda
