// Topology: the machine as the process sees it: its CPUs, cores and their classes, caches, the affinity mask,
// the container's CPU quota, and memory. A plain value, read once; the operating system's part is in
// detect_topology().
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platforms/memory.h"

namespace dunlin {

enum class CoreClass { kPerformance, kEfficiency };

struct LogicalCpu {
  int id = 0;           // the operating system's number
  int core = 0;         // index into Topology::cores
  int smt_index = 0;    // 0 for the core's first logical CPU; above 0 is an SMT sibling
  bool allowed = true;  // the process's affinity mask includes it
};

struct Core {
  std::vector<int> cpus;  // ids of its logical CPUs, ascending
  CoreClass core_class = CoreClass::kPerformance;
  int package = 0;
  int memory_node = 0;
  uint32_t max_mhz = 0;   // 0 where unknown
  uint32_t capacity = 0;  // relative speed, 1024 for the fastest core of the machine; 0 where unknown
};

struct CacheLevel {
  int level = 0;       // 1 (data) to 3 or more
  uint64_t bytes = 0;  // of one instance; with different sizes, of the largest
  int n_instances = 0;
  int n_cpus_sharing = 0;  // logical CPUs that share one instance
};

struct Topology {
  std::vector<LogicalCpu> cpus;  // online, ascending ids
  std::vector<Core> cores;
  std::vector<CacheLevel> caches;  // data and unified, by level
  int n_memory_nodes = 1;
  double cpu_quota =
      0;  // CPUs' worth of time that the container grants, 1.5 = 150 ms per 100 ms; 0 = no limit
  SystemMemory memory;

  bool is_hybrid() const;  // cores of both classes
};

// Never fails: what the system does not tell stays at its default, and there is at least one CPU.
Topology detect_topology();

struct ThreadPlan {
  int n_decode = 1;   // threads for one token at a time, where memory bandwidth is the limit
  int n_prefill = 1;  // threads for many tokens at a time, where arithmetic is the limit
  std::vector<int>
      cpu_order;  // every allowed CPU, best first: performance cores, efficiency cores, SMT siblings
};

// One thread per physical core that the affinity mask allows, performance cores first, never more than the
// CPU quota (rounded down, at least 1). Decode leaves efficiency cores out unless there are too few
// performance cores.
ThreadPlan recommend_threads(const Topology& topology);

// Logical CPUs of which the process can use that many at a time: the affinity mask, capped by the quota.
int n_usable_cpus(const Topology& topology);

// A few lines for people: cores, caches, limits, memory and the recommended thread counts with their reasons.
std::string explain(const Topology& topology);

}  // namespace dunlin
