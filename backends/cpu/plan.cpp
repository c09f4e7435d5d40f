#include "backends/cpu/plan.h"

#include <algorithm>

namespace dunlin::cpu {
namespace {

// Steps of more rows than this are limited by arithmetic: the prefill team runs them.
constexpr int32_t kDecodeRows = 8;

uint64_t scratch_stride(uint64_t bytes) {
  return (bytes + kCacheLineBytes - 1) / kCacheLineBytes * kCacheLineBytes;
}

}  // namespace

Result<std::unique_ptr<Plan>> CpuPlan::create(const Graph& graph, LoweredPlan lowered, const Teams& teams,
                                              NodeObserver observer) {
  auto plan = std::make_unique<CpuPlan>();
  plan->graph_ = graph;
  plan->lowered_ = std::move(lowered);
  plan->teams_ = teams;
  plan->observer_ = std::move(observer);
  const auto n_threads = uint64_t(std::max(teams.decode->n_threads(), teams.prefill->n_threads()));
  const uint64_t bytes = std::max<uint64_t>(1, scratch_stride(plan->lowered_.scratch_bytes) * n_threads);
  plan->scratch_ = AlignedBuffer(bytes);
  if (plan->scratch_.data() == nullptr)
    return Status::exhausted("no memory for ", bytes, " bytes of scratch");
  plan->logits_ = {plan->lowered_.value_data[size_t(graph.logits)],
                   size_t(graph.value(graph.logits).shape.elements())};
  if (graph.hidden != kNoValue)
    plan->hidden_ = {plan->lowered_.value_data[size_t(graph.hidden)],
                     size_t(graph.value(graph.hidden).shape.elements())};
  return std::unique_ptr<Plan>(std::move(plan));
}

uint64_t CpuPlan::workspace_bytes() const {
  uint64_t bytes = scratch_.size();
  for (const AlignedBuffer& buffer : lowered_.memory) bytes += buffer.size();
  return bytes;
}

std::vector<PhaseReport> CpuPlan::report() const {
  std::vector<PhaseReport> phases;
  for (const auto& phase : lowered_.phases) phases.push_back(phase->report());
  return phases;
}

Status CpuPlan::start(const StepInputs& step) {
  ThreadTeam& team = step.n_rows() <= kDecodeRows ? *teams_.decode : *teams_.prefill;
  for (const auto& phase : lowered_.phases) phase->begin_step();
  if (!observer_) {
    run_phases(team, step, 0, lowered_.phases.size());
    return Status::ok();
  }
  size_t begin = 0;
  for (size_t node = 0; node < graph_.nodes.size(); ++node) {
    const size_t end = size_t(lowered_.last_phase_of_node[node]) + 1;
    run_phases(team, step, begin, end);
    begin = end;
    observe(node, step);
  }
  return Status::ok();
}

void CpuPlan::run_phases(ThreadTeam& team, const StepInputs& step, size_t begin, size_t end) {
  const uint64_t stride = scratch_stride(lowered_.scratch_bytes);
  team.run([&](int thread, int n_threads) {
    const ThreadSlot slot{thread, n_threads, scratch_.data() + uint64_t(thread) * stride};
    for (size_t i = begin; i < end; ++i) {
      Phase& phase = *lowered_.phases[i];
      if (!phase.applies(step)) continue;
      phase.run(step, slot);
      if (i + 1 < end) team.barrier();
    }
  });
}

void CpuPlan::observe(size_t node, const StepInputs& step) const {
  std::vector<std::span<const float>> outputs;
  for (const ValueId id : graph_.nodes[node].outputs) {
    const int64_t n_rows = n_rows_of(step, lowered_.value_rows[size_t(id)]);
    outputs.emplace_back(lowered_.value_data[size_t(id)],
                         size_t(n_rows * graph_.value(id).shape.row_elements()));
  }
  observer_(int32_t(node), outputs);
}

}  // namespace dunlin::cpu
