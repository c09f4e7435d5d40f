#include "core/graph/graph.h"

namespace dunlin {

const char* op_name(OpKind op) {
  switch (op) {
    case OpKind::kEmbed:
      return "embed";
    case OpKind::kRmsNorm:
      return "rms_norm";
    case OpKind::kLinear:
      return "linear";
    case OpKind::kLinearGroup:
      return "linear_group";
    case OpKind::kLinearGlu:
      return "linear_glu";
    case OpKind::kRope:
      return "rope";
    case OpKind::kKvAppend:
      return "kv_append";
    case OpKind::kAttention:
      return "attention";
    case OpKind::kGlu:
      return "glu";
    case OpKind::kAdd:
      return "add";
    case OpKind::kGatherRows:
      return "gather_rows";
  }
  return "unknown";
}

std::vector<LinearMember> linear_group_members(const Node& node) {
  const auto& attrs = Graph::attrs_of<LinearGroupAttrs>(node);
  std::vector<LinearMember> members;
  size_t next = 1;
  for (int i = 0; i < attrs.n_members; ++i) {
    LinearMember member;
    member.weight = node.inputs[next++];
    if (attrs.bias_mask >> i & 1) member.bias = node.inputs[next++];
    members.push_back(member);
  }
  return members;
}

std::vector<std::vector<int32_t>> readers_of(const Graph& graph) {
  std::vector<std::vector<int32_t>> readers(graph.values.size());
  for (size_t n = 0; n < graph.nodes.size(); ++n)
    for (const ValueId v : graph.nodes[n].inputs) readers[size_t(v)].push_back(int32_t(n));
  return readers;
}

}  // namespace dunlin
