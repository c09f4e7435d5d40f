#include "backends/cpu/phases/linear_phase.h"

#include <algorithm>

namespace dunlin::cpu {
namespace {

// How threads share panels. Up to kFewRows memory is the limit: pieces are pairs of panels, which kernels
// work on, and two pairs are left to a share's owner, since another's new stream takes half a microsecond to
// begin. For more rows a piece is at least as many panels as read the activations at once.
constexpr int64_t kFewRows = 8;
constexpr int64_t kPairPanels = 2, kKeptPanels = 4;
constexpr int64_t kBlockPanels = 4;

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
  for (const LinearJob& job : jobs_) n_panels_ += panel_count(job.weight.n);
}

void LinearPhase::begin_step(const StepInputs& step, int n_threads) {
  const int64_t n_rows = n_rows_of(step, kind_);
  if (n_rows <= kFewRows) {
    shares_.reset(n_panels_, n_threads, kPairPanels, kKeptPanels);
  } else {
    shares_.reset(n_panels_, n_threads, kBlockPanels);
  }
  if (n_rows == kernel_rows_) return;
  kernel_rows_ = n_rows;
  kernels_.clear();
  for (const LinearJob& job : jobs_)
    kernels_.push_back(select_linear(table_, job.op, job.weight.type, n_rows));
}

void LinearPhase::run(const StepInputs& step, const ThreadSlot& thread) {
  const int64_t n_rows = n_rows_of(step, kind_);
  for (IndexRange piece = shares_.take(thread.index); !piece.empty(); piece = shares_.take(thread.index))
    run_panels(piece, n_rows);
}

void LinearPhase::run_panels(IndexRange piece, int64_t n_rows) const {
  int64_t first = 0;  // panel of the phase at which this job starts
  for (size_t j = 0; j < jobs_.size(); ++j) {
    const LinearJob& job = jobs_[j];
    const int64_t count = panel_count(job.weight.n);
    const int64_t from = std::max(piece.begin, first) - first;
    const int64_t to = std::min(piece.end, first + count) - first;
    first += count;
    if (from >= to) continue;
    kernels_[j]->run({job.weight, job.up, job.activations, 0, n_rows, from, to, job.epilogue});
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
