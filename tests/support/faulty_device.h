// A device whose work goes wrong when a test says so, around another one: its steps fail, throw, or give
// logits that are not finite. For tests of what an engine does then.
#pragma once

#include <atomic>

#include "core/device/device.h"

namespace dunlin::testing {

enum class Fault {
  kNone,
  kStartFails,
  kWaitFails,
  kStartThrows,     // as a DUNLIN_CHECK does
  kLogitsNan,       // of all rows; where the device chooses tokens, it finds them
  kRooflineThrows,  // for want of memory
};

// What goes wrong, once. Outlives the devices that are opened with it.
class Faults {
 public:
  // After so many more steps have ended.
  void arm(Fault fault, int32_t n_good_steps = 0) {
    n_good_steps_ = n_good_steps;
    fault_ = fault;
  }
  void count_step() { --n_good_steps_; }
  bool is_due(Fault fault) {
    if (fault_ != fault || n_good_steps_ > 0) return false;
    fault_ = Fault::kNone;
    return true;
  }

 private:
  std::atomic<Fault> fault_{Fault::kNone};
  std::atomic<int32_t> n_good_steps_{0};
};

inline constexpr const char* kFaultyId = "faulty:cpu";         // around the best CPU device
inline constexpr const char* kFaultyAheadId = "faulty:ahead";  // around ahead_device.h

std::unique_ptr<Backend> make_faulty_backend(Faults& faults);

}  // namespace dunlin::testing
