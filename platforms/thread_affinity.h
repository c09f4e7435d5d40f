// Which CPUs a thread may run on.
#pragma once

#include <vector>

#include "core/base/status.h"

namespace dunlin {

// The logical CPUs on which the calling thread may run, ascending; empty where the system does not tell.
std::vector<int> current_thread_cpus();

// Lets the calling thread run on these logical CPUs only. A CPU that does not exist or that the process may
// not use is Status::invalid.
Status set_current_thread_cpus(const std::vector<int>& cpus);

// ScopedPin: pins the calling thread to one CPU until it is destroyed, which must happen on the same thread
// and gives the thread its former CPUs back. Failing to pin is no error: the thread then runs where the
// system puts it.
class ScopedPin {
 public:
  explicit ScopedPin(int cpu);
  ~ScopedPin();
  ScopedPin(const ScopedPin&) = delete;
  ScopedPin& operator=(const ScopedPin&) = delete;

  bool pinned() const { return pinned_; }

 private:
  std::vector<int> former_;
  bool pinned_ = false;
};

}  // namespace dunlin
