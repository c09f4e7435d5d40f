#include "backends/cpu/plan.h"

#include <algorithm>

#include "core/base/median.h"
#include "platforms/clock.h"

namespace dunlin::cpu {
namespace {

// Steps of more rows than this are limited by arithmetic: the prefill team runs them.
constexpr int32_t kDecodeRows = 8;

constexpr auto kNothing = [](size_t) {};

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

ThreadTeam& CpuPlan::team_for(const StepInputs& step) const {
  return step.n_rows() <= kDecodeRows ? *teams_.decode : *teams_.prefill;
}

Status CpuPlan::start(const StepInputs& step) {
  ThreadTeam& team = team_for(step);
  for (const auto& phase : lowered_.phases) phase->begin_step(step, team.n_threads());
  if (!observer_) {
    run_phases(team, step, 0, lowered_.phases.size(), kNothing);
    return Status::ok();
  }
  size_t begin = 0;
  for (size_t node = 0; node < graph_.nodes.size(); ++node) {
    const size_t end = size_t(lowered_.last_phase_of_node[node]) + 1;
    run_phases(team, step, begin, end, kNothing);
    begin = end;
    observe(node, step);
  }
  return Status::ok();
}

template <typename AfterPhase>
void CpuPlan::run_phases(ThreadTeam& team, const StepInputs& step, size_t begin, size_t end,
                         const AfterPhase& after_phase) {
  const uint64_t stride = scratch_stride(lowered_.scratch_bytes);
  team.run([&](int thread, int n_threads) {
    const ThreadSlot slot{thread, n_threads, scratch_.data() + uint64_t(thread) * stride};
    for (size_t i = begin; i < end; ++i) {
      Phase& phase = *lowered_.phases[i];
      if (!phase.applies(step)) continue;
      phase.run(step, slot);
      if (i + 1 < end) team.barrier();
      if (thread == 0) after_phase(i);
    }
  });
}

int64_t CpuPlan::time_step(const StepInputs& step, std::vector<int64_t>* ends) {
  const size_t n_phases = lowered_.phases.size();
  const int n_threads = team_for(step).n_threads();
  for (const auto& phase : lowered_.phases) phase->begin_step(step, n_threads);
  const int64_t begin = monotonic_ns();
  if (ends == nullptr) {
    run_phases(team_for(step), step, 0, n_phases, kNothing);
    return monotonic_ns() - begin;
  }
  size_t last = 0;
  run_phases(team_for(step), step, 0, n_phases, [&](size_t i) {
    (*ends)[i] = monotonic_ns() - begin;
    last = i;
  });
  // The last phase ends with the slowest thread, not with thread 0.
  (*ends)[last] = monotonic_ns() - begin;
  return (*ends)[last];
}

Result<StepTimes> CpuPlan::measure(const StepInputs& step, int32_t repeats) {
  const size_t n_phases = lowered_.phases.size();
  std::vector<std::vector<double>> phase_us(n_phases);
  std::vector<double> step_us;
  std::vector<int64_t> ends(n_phases);
  for (int32_t r = 0; r < repeats; ++r) {
    step_us.push_back(double(time_step(step, nullptr)) * 1e-3);
    (void)time_step(step, &ends);
    int64_t begin = 0;
    for (size_t i = 0; i < n_phases; ++i) {
      if (!lowered_.phases[i]->applies(step)) continue;
      phase_us[i].push_back(double(ends[i] - begin) * 1e-3);
      begin = ends[i];
    }
  }
  StepTimes times;
  for (size_t i = 0; i < n_phases; ++i) {
    if (!lowered_.phases[i]->applies(step)) continue;
    times.phases.push_back(lowered_.phases[i]->describe(step));
    times.phases.back().us = median(std::move(phase_us[i]));
  }
  times.step_us = times.wall_us = median(std::move(step_us));
  return times;
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
