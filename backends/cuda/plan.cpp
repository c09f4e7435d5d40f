#include "backends/cuda/plan.h"

#include <algorithm>
#include <atomic>

#include "core/base/median.h"
#include "core/device/attention_work.h"
#include "core/graph/op_info.h"
#include "platforms/clock.h"
#include "platforms/park.h"

namespace dunlin::cuda {
namespace {

// Polling a word is the quickest way to learn of a step's end; a step that takes longer is left to the
// driver.
constexpr int64_t kPollNanoseconds = 20'000'000;

}  // namespace

CudaPlan::CudaPlan(const Context& context, const Graph& graph, LoweredPlan lowered, HostLogits& host_logits,
                   NodeObserver observer)
    : context_(context),
      graph_(graph),
      lowered_(std::move(lowered)),
      host_logits_(host_logits),
      observer_(std::move(observer)),
      n_logits_(size_t(graph.value(graph.logits).shape.elements())) {
  for (size_t v = 0; v < graph.values.size(); ++v)
    logit_rows_.push_back(is_logit_row_value(graph, ValueId(v)));
}

Result<std::unique_ptr<Plan>> CudaPlan::create(const Context& context, const Graph& graph,
                                               LoweredPlan lowered, HostLogits& host_logits, bool use_graph,
                                               NodeObserver observer) {
  std::unique_ptr<CudaPlan> plan(
      new CudaPlan(context, graph, std::move(lowered), host_logits, std::move(observer)));
  const uint64_t bytes = uint64_t(plan->n_logits_) * sizeof(float);
  if (host_logits.buffer.size() < bytes) {
    DUNLIN_ASSIGN_OR_RETURN(host_logits.buffer, PinnedBuffer::allocate(context, bytes, "logits"));
  }
  if (graph.hidden != kNoValue) {
    const auto hidden_bytes = uint64_t(graph.value(graph.hidden).shape.elements()) * sizeof(float);
    DUNLIN_ASSIGN_OR_RETURN(plan->hidden_, PinnedBuffer::allocate(context, hidden_bytes, "hidden rows"));
  }
  if (use_graph && !plan->observer_) DUNLIN_RETURN_IF_ERROR(plan->capture());
  return std::unique_ptr<Plan>(std::move(plan));
}

CudaPlan::~CudaPlan() {
  (void)context_.make_current();
  while (n_running_ > 0) (void)wait();
  for (const DecodeGraphs& graphs : exec_)
    for (CUgraphExec exec : {graphs.greedy, graphs.sampled})
      if (exec != nullptr) (void)context_.driver().cuGraphExecDestroy(exec);
}

Result<CUgraphExec> CudaPlan::make_graph(bool samples, int slot) const {
  const Driver& d = context_.driver();
  ++context_.counters().n_graphs;
  DUNLIN_RETURN_IF_ERROR(context_.check(
      d.cuStreamBeginCapture(context_.stream(), CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), "capturing a step"));
  const Status launched = launch_step(lowered_.decode, samples, slot);
  CUgraph graph = nullptr;
  const Status ended = context_.check(d.cuStreamEndCapture(context_.stream(), &graph), "capturing a step");
  CUgraphExec exec = nullptr;
  Status made = launched.is_ok() ? ended : launched;
  if (made.is_ok())
    made =
        context_.check(d.cuGraphInstantiateWithFlags(&exec, graph, 0), "making a graph of the captured step");
  if (graph != nullptr) (void)d.cuGraphDestroy(graph);
  if (!made.is_ok()) return made;
  return exec;
}

Status CudaPlan::capture() {
  for (int slot = 0; slot < StepBuffer::kSlots; ++slot) {
    DecodeGraphs& graphs = exec_[size_t(slot)];
    DUNLIN_ASSIGN_OR_RETURN(graphs.greedy, make_graph(false, slot));
    DUNLIN_ASSIGN_OR_RETURN(graphs.sampled, make_graph(true, slot));
  }
  return Status::ok();
}

std::vector<const Launch*> CudaPlan::in_order(const std::vector<Launch>& list, bool samples, int slot) const {
  const auto& begin = samples ? lowered_.begin_sampled : lowered_.begin;
  std::vector<const Launch*> all{&begin[size_t(slot)]};
  for (const Launch& l : list) all.push_back(&l);
  for (const Launch& l : samples ? lowered_.sampled : lowered_.greedy) all.push_back(&l);
  all.push_back(&lowered_.end[size_t(slot)]);
  return all;
}

uint64_t CudaPlan::workspace_bytes() const {
  uint64_t bytes = lowered_.workspace.size();
  for (const DeviceBuffer& buffer : lowered_.scratch) bytes += buffer.size();
  return bytes;
}

std::vector<PhaseReport> CudaPlan::report() const {
  std::vector<PhaseReport> phases;
  for (const Launch* l : in_order(lowered_.decode, false, 0))
    phases.push_back({l->name, l->kernel, l->weight_bytes});
  return phases;
}

Status CudaPlan::launch(std::span<const Launch> launches) const {
  for (const Launch& l : launches) DUNLIN_RETURN_IF_ERROR(l.run(context_, context_.limits().has_pdl()));
  return Status::ok();
}

Status CudaPlan::launch_step(const std::vector<Launch>& list, bool samples, int slot) const {
  const auto& begin = samples ? lowered_.begin_sampled : lowered_.begin;
  DUNLIN_RETURN_IF_ERROR(launch({&begin[size_t(slot)], 1}));
  // Not beside step_begin: what follows may read the step's inputs before it waits for its predecessors.
  DUNLIN_RETURN_IF_ERROR(list[0].run(context_, false));
  DUNLIN_RETURN_IF_ERROR(launch(std::span(list).subspan(1)));
  DUNLIN_RETURN_IF_ERROR(launch(samples ? lowered_.sampled : lowered_.greedy));
  return launch({&lowered_.end[size_t(slot)], 1});
}

const std::vector<Launch>& CudaPlan::launches_for(const StepInputs& step) const {
  const bool decodes = step.n_rows() == step.n_sequences() && !observer_;
  return decodes ? lowered_.decode : lowered_.general;
}

Status CudaPlan::launch_whole(const StepInputs& step, int slot) const {
  const std::vector<Launch>& list = launches_for(step);
  const bool samples = step.wants_sampled_tokens();
  const DecodeGraphs& graphs = exec_[size_t(slot)];
  CUgraphExec exec = samples ? graphs.sampled : graphs.greedy;
  if (&list != &lowered_.decode || exec == nullptr) return launch_step(list, samples, slot);
  return context_.check(context_.driver().cuGraphLaunch(exec, context_.stream()), "launching a step");
}

Status CudaPlan::start(const StepInputs& step) {
  DUNLIN_CHECK(n_running_ < StepBuffer::kSlots);
  DUNLIN_RETURN_IF_ERROR(context_.make_current());
  const int slot = next_slot_;
  const bool gives_result = step.wants_host_logits() || !logit_rows_[size_t(graph_.logits)];
  const Running running{lowered_.step.fill(step, slot), slot, gives_result};
  if (lowered_.hidden != nullptr) DUNLIN_RETURN_IF_ERROR(send_hidden(step));
  if (observer_) {
    DUNLIN_RETURN_IF_ERROR(launch_observed(step, slot));
  } else {
    DUNLIN_RETURN_IF_ERROR(launch_whole(step, slot));
  }
  if (gives_result) DUNLIN_RETURN_IF_ERROR(fetch_result(step));
  running_[size_t(n_running_++)] = running;
  next_slot_ = (slot + 1) % StepBuffer::kSlots;
  return Status::ok();
}

Status CudaPlan::send_hidden(const StepInputs& step) const {
  const int64_t n = n_rows_of(graph_.hidden, step) * graph_.value(graph_.hidden).shape.row_elements();
  return context_.check(context_.driver().cuMemcpyHtoDAsync(CUdeviceptr(lowered_.hidden), hidden_.data(),
                                                            uint64_t(n) * sizeof(float), context_.stream()),
                        "copying hidden rows to the device");
}

Status CudaPlan::fetch_result(const StepInputs& step) const {
  const int64_t n = n_rows_of(graph_.logits, step) * graph_.value(graph_.logits).shape.row_elements();
  return context_.check(
      context_.driver().cuMemcpyDtoHAsync(host_logits_.buffer.data(), CUdeviceptr(lowered_.logits),
                                          uint64_t(n) * sizeof(float), context_.stream()),
      "copying logits");
}

Status CudaPlan::wait() {
  DUNLIN_CHECK(n_running_ > 0);
  const Running step = running_[0];
  running_[0] = running_[1];
  --n_running_;
  last_slot_ = step.slot;
  if (!step.gives_result && !observer_) {
    ++context_.counters().n_waits;
    const int64_t end = monotonic_ns() + kPollNanoseconds;
    do {
      for (int i = 0; i < 64; ++i) {
        if (lowered_.step.is_done(step.number, step.slot)) {
          std::atomic_thread_fence(std::memory_order_acquire);
          return Status::ok();
        }
        spin_pause();
      }
    } while (monotonic_ns() < end);
  }
  return context_.synchronize("running a step");
}

Status CudaPlan::launch_divided(std::span<const Launch* const> launches, const EventSeries& events) const {
  events.record(0, context_.stream());
  for (size_t i = 0; i < launches.size(); ++i) {
    DUNLIN_RETURN_IF_ERROR(launches[i]->run(context_, /*with_pdl=*/false));
    events.record(i + 1, context_.stream());
  }
  return Status::ok();
}

namespace {

PhaseTime describe(const Launch& launch, const StepInputs& step) {
  PhaseTime phase{launch.name, launch.kernel, launch.weight_bytes, 0, 0};
  phase.macs = launch.macs_per_row * (launch.of_logit_rows ? step.n_logit_rows() : step.n_rows());
  if (launch.kv_bytes_per_position == 0) return phase;
  const AttentionWork work = attention_work(step, launch.window);
  phase.bytes += work.n_positions * launch.kv_bytes_per_position;
  phase.macs += work.n_scores * launch.macs_per_score;
  return phase;
}

}  // namespace

Result<StepTimes> CudaPlan::measure(const StepInputs& step, int32_t repeats) {
  // Whole steps before a measured one: while they run, the host gets ahead of the device, whose stream then
  // never waits for a launch.
  constexpr int kHeadStart = 2;
  DUNLIN_CHECK(n_running_ == 0);
  DUNLIN_RETURN_IF_ERROR(context_.make_current());
  const int slot = next_slot_;
  const std::vector<const Launch*> launches = in_order(launches_for(step), step.wants_sampled_tokens(), slot);
  const size_t n = launches.size();
  const EventSeries whole(context_.driver(), 2), divided(context_.driver(), n + 1);
  std::vector<std::vector<double>> phase_us(n);
  std::vector<double> step_us, wall_us;
  for (int32_t r = 0; r < repeats; ++r) {
    const int64_t begin = monotonic_ns();
    DUNLIN_RETURN_IF_ERROR(run(step));
    wall_us.push_back(double(monotonic_ns() - begin) * 1e-3);
    (void)lowered_.step.fill(step, slot);
    for (int i = 0; i < kHeadStart; ++i) DUNLIN_RETURN_IF_ERROR(launch_whole(step, slot));
    whole.record(0, context_.stream());
    DUNLIN_RETURN_IF_ERROR(launch_whole(step, slot));
    whole.record(1, context_.stream());
    DUNLIN_RETURN_IF_ERROR(launch_divided(launches, divided));
    DUNLIN_RETURN_IF_ERROR(context_.synchronize("timing a step"));
    step_us.push_back(whole.microseconds(0));
    for (size_t i = 0; i < n; ++i) phase_us[i].push_back(divided.microseconds(i));
  }
  if (step.wants_host_logits()) DUNLIN_RETURN_IF_ERROR(fetch_result(step));
  DUNLIN_RETURN_IF_ERROR(context_.synchronize("copying logits"));
  last_slot_ = slot;
  StepTimes times;
  for (size_t i = 0; i < n; ++i) {
    times.phases.push_back(describe(*launches[i], step));
    times.phases.back().us = median(std::move(phase_us[i]));
  }
  times.step_us = median(std::move(step_us));
  times.wall_us = median(std::move(wall_us));
  return times;
}

Status CudaPlan::launch_observed(const StepInputs& step, int slot) {
  DUNLIN_RETURN_IF_ERROR(lowered_.begin[size_t(slot)].run(context_, false));
  int32_t next = 0;
  for (size_t node = 0; node < graph_.nodes.size(); ++node) {
    for (; next <= lowered_.last_launch_of_node[node]; ++next)
      DUNLIN_RETURN_IF_ERROR(lowered_.general[size_t(next)].run(context_, false));
    DUNLIN_RETURN_IF_ERROR(context_.synchronize(graph_.nodes[node].name));
    DUNLIN_RETURN_IF_ERROR(observe(node, step));
  }
  return Status::ok();
}

Status CudaPlan::observe(size_t node, const StepInputs& step) {
  std::vector<std::vector<float>> values;
  for (const ValueId id : graph_.nodes[node].outputs) {
    const int64_t n_values = n_rows_of(id, step) * graph_.value(id).shape.row_elements();
    std::vector<float>& v = values.emplace_back(size_t(n_values));
    DUNLIN_RETURN_IF_ERROR(context_.check(
        context_.driver().cuMemcpyDtoHAsync(v.data(), CUdeviceptr(lowered_.value_data[size_t(id)]),
                                            v.size() * sizeof(float), context_.stream()),
        "copying a node's output"));
  }
  DUNLIN_RETURN_IF_ERROR(context_.synchronize("copying a node's output"));
  std::vector<std::span<const float>> outputs(values.begin(), values.end());
  observer_(int32_t(node), outputs);
  return Status::ok();
}

}  // namespace dunlin::cuda
