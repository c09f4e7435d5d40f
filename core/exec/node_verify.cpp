#include "core/exec/node_verify.h"

#include <algorithm>
#include <numeric>

#include "core/exec/executor.h"
#include "core/graph/print.h"

namespace dunlin {
namespace {

using NodeOutputs = std::vector<std::vector<float>>;  // by node, outputs one after the other

struct Observed {
  NodeOutputs nodes;
  std::vector<std::string> names, texts;
};

Result<Observed> observe(const ModelFiles& files, const Registry& registry, const std::string& device,
                         std::span<const int32_t> tokens, const Log& log) {
  Observed observed;
  ExecutorOptions options;
  // In one part, whatever fits where: nodes are compared by their number.
  options.parts = {{device, int32_t(files.config.n_layer)}};
  options.n_ctx = options.n_rows = int32_t(tokens.size());
  options.observer = [&](int32_t node, std::span<const std::span<const float>> outputs) {
    observed.nodes.resize(std::max(observed.nodes.size(), size_t(node) + 1));
    for (const auto& out : outputs)
      observed.nodes[size_t(node)].insert(observed.nodes[size_t(node)].end(), out.begin(), out.end());
  };
  DUNLIN_ASSIGN_OR_RETURN(auto executor, Executor::create(files, registry, options, log, {}));
  std::vector<int32_t> blocks(size_t(executor->inputs().capacity().n_blocks_per_sequence));
  std::iota(blocks.begin(), blocks.end(), 0);
  executor->inputs().clear();
  DUNLIN_CHECK(executor->inputs().add_sequence(tokens, 0, blocks));
  DUNLIN_CHECK(executor->inputs().want_logits(int32_t(tokens.size()) - 1));
  DUNLIN_RETURN_IF_ERROR(executor->run());
  const Graph& graph = executor->parts()[0]->graph_for(options.n_rows);
  for (const Node& node : graph.nodes) {
    observed.names.push_back(node.name);
    observed.texts.push_back(print_node(graph, node));
  }
  return observed;
}

double nmse(std::span<const float> values, std::span<const float> reference) {
  double difference = 0, energy = 0;
  for (size_t i = 0; i < reference.size(); ++i) {
    const double d = double(values[i]) - double(reference[i]);
    difference += d * d;
    energy += double(reference[i]) * double(reference[i]);
  }
  return energy == 0 ? difference : difference / energy;
}

}  // namespace

Result<VerifyReport> verify_device(const ModelFiles& files, const Registry& registry,
                                   const std::string& device, std::span<const int32_t> tokens,
                                   const Log& log) {
  if (tokens.empty()) return Status::invalid("verification needs a prompt of at least one token");
  DUNLIN_ASSIGN_OR_RETURN(const DeviceInfo info, registry.find(device));
  DUNLIN_ASSIGN_OR_RETURN(const Observed actual, observe(files, registry, info.id, tokens, log));
  DUNLIN_ASSIGN_OR_RETURN(const Observed expected, observe(files, registry, "reference", tokens, log));
  if (actual.texts != expected.texts)
    return Status::internal("the graphs of ", info.id, " and of the reference differ: they fuse differently");
  VerifyReport report;
  report.device = info.id;
  report.n_nodes = int32_t(actual.nodes.size());
  for (size_t n = 0; n < actual.nodes.size(); ++n) {
    NodeError error{int32_t(n), actual.names[n], actual.texts[n], nmse(actual.nodes[n], expected.nodes[n])};
    // A NaN compares false: it must count as a divergence.
    const bool within = error.nmse <= kVerifyNmse;
    if (!within && report.first_divergence.node < 0) report.first_divergence = error;
    if (report.worst.node < 0 || !(error.nmse <= report.worst.nmse)) report.worst = std::move(error);
  }
  const auto argmax = [](const std::vector<float>& v) {
    return std::max_element(v.begin(), v.end()) - v.begin();
  };
  report.same_argmax = argmax(actual.nodes.back()) == argmax(expected.nodes.back());
  return report;
}

}  // namespace dunlin
