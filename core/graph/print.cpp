#include "core/graph/print.h"

#include "core/graph/op_info.h"

namespace dunlin {
namespace {

std::string print_value(const Graph& graph, ValueId id) {
  const Value& v = graph.value(id);
  switch (v.kind) {
    case ValueKind::kWeight:
      return str_cat(v.name, ":", dtype_name(v.type), v.shape.to_string());
    case ValueKind::kTemp:
    case ValueKind::kOutput:
      return str_cat("%", id);
    default:
      return str_cat("$", v.name);
  }
}

std::string print_attrs(const OpAttrs& attrs) {
  struct Printer {
    std::string operator()(const NoAttrs&) const { return ""; }
    std::string operator()(const RmsNormAttrs& a) const { return str_cat(" eps=", a.eps); }
    std::string operator()(const LinearAttrs& a) const {
      return str_cat(a.has_bias ? " +bias" : "", a.has_residual ? " +residual" : "");
    }
    std::string operator()(const LinearGroupAttrs& a) const { return str_cat(" members=", int(a.n_members)); }
    std::string operator()(const RopeAttrs& a) const {
      return str_cat(" head_dim=", a.head_dim, " n_rot=", a.n_rot,
                     a.magnitude == 1 ? std::string() : str_cat(" magnitude=", a.magnitude));
    }
    std::string operator()(const KvAppendAttrs& a) const { return str_cat(" layer=", a.layer); }
    std::string operator()(const AttentionAttrs& a) const {
      return str_cat(" layer=", a.layer, " heads=", a.n_head, "/", a.n_head_kv, " head_dim=", a.head_dim,
                     a.window ? str_cat(" window=", a.window) : std::string());
    }
    std::string operator()(const GluAttrs& a) const {
      return a.activation == Activation::kSilu ? " act=silu" : " act=gelu_tanh";
    }
  };
  return std::visit(Printer{}, attrs);
}

}  // namespace

std::string print_node(const Graph& graph, const Node& node) {
  std::string line;
  for (size_t i = 0; i < node.outputs.size(); ++i)
    line += str_cat(i ? ", " : "", "%", node.outputs[i], graph.value(node.outputs[i]).shape.to_string());
  if (!node.outputs.empty()) line += " = ";
  line += str_cat(op_name(node.op), "(");
  for (size_t i = 0; i < node.inputs.size(); ++i)
    line += str_cat(i ? ", " : "", print_value(graph, node.inputs[i]));
  return line + ")" + print_attrs(node.attrs);
}

std::string print_graph(const Graph& graph) {
  std::string text =
      str_cat("graph rows=", graph.capacity.n_rows, " logit_rows=", graph.capacity.n_logit_rows, "\n");
  for (const Node& node : graph.nodes) text += print_node(graph, node) + "\n";
  return text +
         str_cat(is_logit_row_value(graph, graph.logits) ? "logits %" : "result %", graph.logits, "\n");
}

}  // namespace dunlin
