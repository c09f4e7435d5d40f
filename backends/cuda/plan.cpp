#include "backends/cuda/plan.h"

#include <algorithm>
#include <atomic>

#include "backends/cuda/event_pair.h"
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
  if (use_graph && !plan->observer_) DUNLIN_RETURN_IF_ERROR(plan->capture());
  return std::unique_ptr<Plan>(std::move(plan));
}

CudaPlan::~CudaPlan() {
  (void)context_.make_current();
  if (exec_ != nullptr) (void)context_.driver().cuGraphExecDestroy(exec_);
}

Result<CUgraphExec> CudaPlan::make_graph(std::span<const Launch> launches, int32_t repeats) const {
  const Driver& d = context_.driver();
  DUNLIN_RETURN_IF_ERROR(context_.check(
      d.cuStreamBeginCapture(context_.stream(), CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), "capturing a step"));
  Status launched;
  for (int32_t r = 0; r < repeats && launched.is_ok(); ++r) launched = launch(launches);
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
  DUNLIN_ASSIGN_OR_RETURN(exec_, make_graph(lowered_.decode, 1));
  return Status::ok();
}

Result<std::vector<double>> CudaPlan::time_launches(int32_t repeats) {
  constexpr int kPasses = 5;
  const Driver& d = context_.driver();
  DUNLIN_RETURN_IF_ERROR(context_.make_current());
  const EventPair events(d);
  std::vector<double> times;
  for (const Launch& l : lowered_.decode) {
    DUNLIN_ASSIGN_OR_RETURN(CUgraphExec exec, make_graph({&l, 1}, repeats));
    std::vector<double> passes;
    Status status;
    for (int pass = 0; pass < kPasses && status.is_ok(); ++pass) {
      events.begin(context_.stream());
      status = context_.check(d.cuGraphLaunch(exec, context_.stream()), "timing a launch");
      events.end(context_.stream());
      if (status.is_ok()) status = context_.synchronize("timing a launch");
      passes.push_back(events.milliseconds() * 1000 / repeats);
    }
    (void)d.cuGraphExecDestroy(exec);
    if (!status.is_ok()) return status;
    std::ranges::nth_element(passes, passes.begin() + kPasses / 2);
    times.push_back(passes[kPasses / 2]);
  }
  return times;
}

uint64_t CudaPlan::workspace_bytes() const {
  uint64_t bytes = lowered_.workspace.size();
  for (const DeviceBuffer& buffer : lowered_.scratch) bytes += buffer.size();
  return bytes;
}

std::vector<PhaseReport> CudaPlan::report() const {
  std::vector<PhaseReport> phases;
  for (const Launch& l : lowered_.decode) phases.push_back({l.name, l.kernel, l.weight_bytes});
  return phases;
}

Status CudaPlan::launch(std::span<const Launch> launches) const {
  for (const Launch& l : launches) DUNLIN_RETURN_IF_ERROR(l.run(context_, context_.limits().has_pdl));
  return Status::ok();
}

Status CudaPlan::run(const StepInputs& step) {
  DUNLIN_RETURN_IF_ERROR(context_.make_current());
  const uint32_t number = lowered_.step.fill(step);
  if (observer_) return launch_observed(step);
  const bool decodes = step.n_rows() == step.n_sequences();
  if (decodes && exec_ != nullptr) {
    DUNLIN_RETURN_IF_ERROR(
        context_.check(context_.driver().cuGraphLaunch(exec_, context_.stream()), "launching a step"));
  } else {
    DUNLIN_RETURN_IF_ERROR(launch(decodes ? lowered_.decode : lowered_.general));
  }
  if (step.wants_host_logits()) {
    const int64_t row = graph_.value(graph_.logits).shape.row_elements();
    const int64_t n_rows = logit_rows_[size_t(graph_.logits)] ? step.n_logit_rows() : step.n_rows();
    DUNLIN_RETURN_IF_ERROR(context_.check(
        context_.driver().cuMemcpyDtoHAsync(host_logits_.buffer.data(), CUdeviceptr(lowered_.logits),
                                            uint64_t(n_rows * row) * sizeof(float), context_.stream()),
        "copying logits"));
  }
  return wait(number, step.wants_host_logits());
}

Status CudaPlan::wait(uint32_t step_number, bool wants_logits) {
  if (!wants_logits) {
    const int64_t end = monotonic_ns() + kPollNanoseconds;
    do {
      for (int i = 0; i < 64; ++i) {
        if (lowered_.step.is_done(step_number)) {
          std::atomic_thread_fence(std::memory_order_acquire);
          return Status::ok();
        }
        spin_pause();
      }
    } while (monotonic_ns() < end);
  }
  return context_.synchronize("running a step");
}

Status CudaPlan::launch_observed(const StepInputs& step) {
  size_t next = 0;
  for (size_t node = 0; node < graph_.nodes.size(); ++node) {
    const auto last = size_t(lowered_.last_launch_of_node[node]);
    for (; next <= last; ++next) DUNLIN_RETURN_IF_ERROR(lowered_.general[next].run(context_, false));
    DUNLIN_RETURN_IF_ERROR(context_.synchronize(graph_.nodes[node].name));
    DUNLIN_RETURN_IF_ERROR(observe(node, step));
  }
  const uint64_t bytes = uint64_t(n_logits_) * sizeof(float);
  DUNLIN_RETURN_IF_ERROR(
      context_.check(context_.driver().cuMemcpyDtoHAsync(
                         host_logits_.buffer.data(), CUdeviceptr(lowered_.logits), bytes, context_.stream()),
                     "copying logits"));
  return context_.synchronize("copying logits");
}

Status CudaPlan::observe(size_t node, const StepInputs& step) {
  std::vector<std::vector<float>> values;
  for (const ValueId id : graph_.nodes[node].outputs) {
    const int64_t n_rows = logit_rows_[size_t(id)] ? step.n_logit_rows() : step.n_rows();
    std::vector<float>& v = values.emplace_back(size_t(n_rows * graph_.value(id).shape.row_elements()));
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
