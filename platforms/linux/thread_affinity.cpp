#include "platforms/thread_affinity.h"

#include <sched.h>

#include <cerrno>
#include <memory>

#include "platforms/linux/system_files.h"
#include "platforms/posix/system_message.h"

namespace dunlin {
namespace {

struct CpuSetDeleter {
  void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};
using CpuSet = std::unique_ptr<cpu_set_t, CpuSetDeleter>;

CpuSet empty_cpu_set() {
  CpuSet set(CPU_ALLOC(kMaxLinuxCpus));
  if (set) CPU_ZERO_S(CPU_ALLOC_SIZE(kMaxLinuxCpus), set.get());
  return set;
}

}  // namespace

std::vector<int> current_thread_cpus() {
  const size_t set_bytes = CPU_ALLOC_SIZE(kMaxLinuxCpus);
  const CpuSet set = empty_cpu_set();
  if (!set || sched_getaffinity(0, set_bytes, set.get()) != 0) return {};
  std::vector<int> cpus;
  for (int cpu = 0; cpu < kMaxLinuxCpus; ++cpu) {
    if (CPU_ISSET_S(cpu, set_bytes, set.get())) cpus.push_back(cpu);
  }
  return cpus;
}

Status set_current_thread_cpus(const std::vector<int>& cpus) {
  const size_t set_bytes = CPU_ALLOC_SIZE(kMaxLinuxCpus);
  const CpuSet set = empty_cpu_set();
  if (!set) return Status::exhausted("no memory for a set of CPUs");
  for (const int cpu : cpus) {
    if (cpu < 0 || cpu >= kMaxLinuxCpus) return Status::invalid("CPU ", cpu, " does not exist");
    CPU_SET_S(cpu, set_bytes, set.get());
  }
  if (sched_setaffinity(0, set_bytes, set.get()) != 0) {
    return Status::invalid("a thread cannot be bound to ", cpus.size(), " CPU(s), the first of them ",
                           cpus.empty() ? -1 : cpus.front(), ": ", system_message(errno),
                           "; name CPUs that exist and that the process may use");
  }
  return Status::ok();
}

ScopedPin::ScopedPin(int cpu) : former_(current_thread_cpus()) {
  pinned_ = !former_.empty() && set_current_thread_cpus({cpu}).is_ok();
}

ScopedPin::~ScopedPin() {
  // Fails only if the former CPUs have gone offline; the thread then stays where it is.
  if (pinned_) static_cast<void>(set_current_thread_cpus(former_));
}

}  // namespace dunlin
