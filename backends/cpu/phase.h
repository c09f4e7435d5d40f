// Phase: what a team of threads does between two barriers. A compiled graph is a flat list of phases with all
// addresses resolved. Phases are immutable but for the counters that deal out work, which begin_step()
// resets.
#pragma once

#include <memory>
#include <vector>

#include "core/device/device.h"
#include "core/device/step_inputs.h"

namespace dunlin::cpu {

// Which thread of how many runs, and the scratch that is its own.
struct ThreadSlot {
  int index = 0;
  int count = 1;
  uint8_t* scratch = nullptr;
};

class Phase {
 public:
  virtual ~Phase() = default;
  // Before the threads start on a step; one thread.
  virtual void begin_step(const StepInputs&, int /*n_threads*/) {}
  // False if this step has nothing to do here; all threads get the same answer, and no barrier follows.
  virtual bool applies(const StepInputs&) const { return true; }
  virtual void run(const StepInputs& step, const ThreadSlot& thread) = 0;
  virtual PhaseReport report() const = 0;
  // What it is and does in this step, its time left open.
  virtual PhaseTime describe(const StepInputs&) const {
    PhaseReport r = report();
    return {std::move(r.name), std::move(r.kernel), r.weight_bytes, 0, 0};
  }
};

// Whether a value has a row for each token of a step or for each row that wants logits.
enum class RowKind : uint8_t { kToken, kLogit };

inline int64_t n_rows_of(const StepInputs& step, RowKind kind) {
  return kind == RowKind::kToken ? step.n_rows() : step.n_logit_rows();
}

}  // namespace dunlin::cpu
