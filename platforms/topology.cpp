#include "platforms/topology.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "core/base/format_bytes.h"
#include "core/base/str_cat.h"

namespace dunlin {
namespace {

// With fewer performance cores than this, decode takes efficiency cores in, too: two cores seldom fill the
// memory bus.
constexpr int kMinDecodeThreads = 4;

struct Counts {
  int n_performance = 0;  // cores of which at least one CPU is allowed
  int n_efficiency = 0;
  int n_allowed_cpus = 0;
};

Counts count_allowed(const Topology& topology) {
  Counts counts;
  std::vector<bool> counted(topology.cores.size(), false);
  for (const LogicalCpu& cpu : topology.cpus) {
    if (!cpu.allowed) continue;
    ++counts.n_allowed_cpus;
    if (counted[size_t(cpu.core)]) continue;
    counted[size_t(cpu.core)] = true;
    const bool performance = topology.cores[size_t(cpu.core)].core_class == CoreClass::kPerformance;
    ++(performance ? counts.n_performance : counts.n_efficiency);
  }
  return counts;
}

// Whole CPUs that the quota grants: half a CPU more would stall one thread, and with it the team, at every
// period.
int quota_cpus(const Topology& topology) {
  if (topology.cpu_quota <= 0) return int(topology.cpus.size());
  return std::clamp(int(std::min(topology.cpu_quota, 1e6)), 1, std::max(1, int(topology.cpus.size())));
}

std::vector<int> order_cpus(const Topology& topology) {
  struct Candidate {
    int sibling_rank;  // among the allowed CPUs of its core
    CoreClass core_class;
    uint32_t speed;
    int id;
  };
  std::vector<Candidate> candidates;
  std::vector<int> n_taken(topology.cores.size(), 0);
  for (const LogicalCpu& cpu : topology.cpus) {
    if (!cpu.allowed) continue;
    const Core& core = topology.cores[size_t(cpu.core)];
    const uint32_t speed = core.capacity > 0 ? core.capacity : core.max_mhz;
    candidates.push_back({n_taken[size_t(cpu.core)]++, core.core_class, speed, cpu.id});
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return std::tuple(a.sibling_rank, a.core_class, b.speed, a.id) <
           std::tuple(b.sibling_rank, b.core_class, a.speed, b.id);
  });
  std::vector<int> ids;
  for (const Candidate& candidate : candidates) ids.push_back(candidate.id);
  return ids;
}

std::string format_fixed(double value, int n_decimals) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, n_decimals).ptr};
}

// Caches have powers of two, and are named so everywhere.
std::string format_cache(uint64_t bytes) {
  constexpr double kKiB = 1024, kMiB = 1024 * kKiB;
  if (double(bytes) < kMiB) return format_fixed(double(bytes) / kKiB, 0) + " KiB";
  return format_fixed(double(bytes) / kMiB, double(bytes) < 10 * kMiB ? 1 : 0) + " MiB";
}

std::string plural(int count, const char* noun) {
  return str_cat(count, " ", noun, count == 1 ? "" : "s");
}

std::string explain_cores(const Topology& topology) {
  int n_efficiency = 0;
  for (const Core& core : topology.cores) n_efficiency += core.core_class == CoreClass::kEfficiency;
  const int n_performance = int(topology.cores.size()) - n_efficiency;
  std::string text = "cores: ";
  text += n_efficiency > 0 ? str_cat(n_performance, " performance and ", n_efficiency, " efficiency cores")
                           : plural(n_performance, "core");
  if (topology.cpus.size() > topology.cores.size()) {
    text += str_cat(", ", topology.cpus.size(), " logical CPUs with SMT");
  }
  if (topology.n_memory_nodes > 1) text += str_cat(", ", topology.n_memory_nodes, " memory nodes");
  return text + "\n";
}

std::string explain_caches(const Topology& topology) {
  std::string text;
  for (const CacheLevel& cache : topology.caches) {
    text += str_cat(text.empty() ? "caches: " : ", ", cache.n_instances, " x L", cache.level, " of ",
                    format_cache(cache.bytes));
  }
  return text.empty() ? text : text + "\n";
}

std::string explain_limits(const Topology& topology) {
  const Counts counts = count_allowed(topology);
  std::string text;
  if (counts.n_allowed_cpus < int(topology.cpus.size())) {
    text +=
        str_cat("affinity: ", counts.n_allowed_cpus, " of ", topology.cpus.size(), " logical CPUs allowed\n");
  }
  if (topology.cpu_quota > 0) {
    text += str_cat("container: CPU quota of ", format_fixed(topology.cpu_quota, 2), " CPUs\n");
  }
  return text;
}

std::string explain_memory(const SystemMemory& memory) {
  if (memory.total_bytes == 0) return {};
  std::string text = str_cat("memory: ", format_bytes(memory.total_bytes));
  if (memory.limit_bytes > 0) text += str_cat(", container limit ", format_bytes(memory.limit_bytes));
  return text + str_cat(", ", format_bytes(memory.available_bytes), " available\n");
}

std::string explain_threads(const Topology& topology) {
  const ThreadPlan plan = recommend_threads(topology);
  const Counts counts = count_allowed(topology);
  const bool capped = quota_cpus(topology) < counts.n_performance + counts.n_efficiency;
  std::string text = str_cat("threads: ", plan.n_decode, " for decode, ", plan.n_prefill, " for prefill (");
  if (capped) {
    text += "capped by the CPU quota";
  } else if (plan.n_decode < plan.n_prefill) {
    text += "decode leaves out the efficiency cores";
  } else {
    text += "one per core";
  }
  return text + ")\n";
}

}  // namespace

bool Topology::is_hybrid() const {
  for (const Core& core : cores) {
    if (core.core_class != cores.front().core_class) return true;
  }
  return false;
}

int n_usable_cpus(const Topology& topology) {
  return std::max(1, std::min(count_allowed(topology).n_allowed_cpus, quota_cpus(topology)));
}

ThreadPlan recommend_threads(const Topology& topology) {
  const Counts counts = count_allowed(topology);
  const int n_cores = counts.n_performance + counts.n_efficiency;
  const int n_decode = std::max(counts.n_performance, std::min(kMinDecodeThreads, n_cores));
  const int quota = quota_cpus(topology);
  ThreadPlan plan;
  plan.n_decode = std::max(1, std::min(n_decode, quota));
  plan.n_prefill = std::max(1, std::min(n_cores, quota));
  plan.cpu_order = order_cpus(topology);
  return plan;
}

std::string explain(const Topology& topology) {
  return explain_cores(topology) + explain_caches(topology) + explain_limits(topology) +
         explain_memory(topology.memory) + explain_threads(topology);
}

}  // namespace dunlin
