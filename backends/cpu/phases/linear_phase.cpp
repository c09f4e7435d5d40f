#include "backends/cpu/phases/linear_phase.h"

#include <algorithm>

namespace dunlin::cpu {
namespace {

constexpr int64_t kChunkBytes =
    96 * 1024;  // of weights: long enough for the prefetcher, short against a phase
constexpr double kTailShare = 0.15;
// Kernels work on pairs of panels: a chunk never splits a pair.
constexpr int64_t kPairPanels = 2;

int64_t job_bytes(const LinearJob& job) {
  const auto bytes = [](const PackedMatrix& m) {
    return m.data == nullptr ? 0 : packed_bytes(m.layout, m.type, m.n, m.k);
  };
  return bytes(job.weight) + bytes(job.up);
}

}  // namespace

LinearPhase::LinearPhase(std::string name, RowKind kind, const LinearTable& table,
                         std::vector<LinearJob> jobs)
    : name_(std::move(name)), kind_(kind), table_(table), jobs_(std::move(jobs)) {
  int64_t bytes = 0;
  for (const LinearJob& job : jobs_) {
    n_panels_ += panel_count(job.weight.n);
    bytes += job_bytes(job);
  }
  chunk_ = std::max(kPairPanels,
                    kChunkBytes / std::max<int64_t>(1, bytes / n_panels_) / kPairPanels * kPairPanels);
}

void LinearPhase::run(const StepInputs& step, const ThreadSlot& thread) {
  const int64_t n_rows = n_rows_of(step, kind_);
  split_with_tail(n_panels_, chunk_, kTailShare, tail_, thread.index, thread.count,
                  [&](int64_t begin, int64_t end) { run_panels(begin, end, n_rows); });
}

void LinearPhase::run_panels(int64_t begin, int64_t end, int64_t n_rows) const {
  int64_t first = 0;  // panel of the phase at which this job starts
  for (const LinearJob& job : jobs_) {
    const int64_t count = panel_count(job.weight.n);
    const int64_t from = std::max(begin, first) - first;
    const int64_t to = std::min(end, first + count) - first;
    first += count;
    if (from >= to) continue;
    const LinearKernel* kernel = select_linear(table_, job.op, job.weight.type, n_rows);
    kernel->run({job.weight, job.up, job.activations, 0, n_rows, from, to, job.epilogue});
  }
}

PhaseReport LinearPhase::report() const {
  PhaseReport report{name_, "", 0};
  for (const LinearJob& job : jobs_) {
    report.weight_bytes += job_bytes(job);
    for (const int64_t m : {1, 8, 512}) {
      const LinearKernel* kernel = select_linear(table_, job.op, job.weight.type, m);
      const std::string entry = str_cat("m", m, "=", kernel == nullptr ? "none" : kernel->name);
      if (report.kernel.find(entry) == std::string::npos)
        report.kernel += (report.kernel.empty() ? "" : " ") + entry;
    }
  }
  return report;
}

PhaseTime LinearPhase::describe(const StepInputs& step) const {
  const int64_t n_rows = n_rows_of(step, kind_);
  PhaseTime phase{name_, "", 0, 0, 0};
  for (const LinearJob& job : jobs_) {
    const int64_t n_matrices = job.op == LinearOp::kGlu ? 2 : 1;
    phase.bytes += job_bytes(job);
    phase.macs += n_matrices * job.weight.n * job.weight.k * n_rows;
    const std::string kernel = select_linear(table_, job.op, job.weight.type, n_rows)->name;
    if (phase.kernel.find(kernel) == std::string::npos)
      phase.kernel += (phase.kernel.empty() ? "" : " ") + kernel;
  }
  return phase;
}

}  // namespace dunlin::cpu
