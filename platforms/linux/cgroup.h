// The limits that Linux control groups put on the process: version 1, version 2, and both at once.
// Source: Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace dunlin {

struct CgroupLimits {
  double cpu_quota = 0;             // CPUs' worth of time; 0 = no limit
  uint64_t memory_limit_bytes = 0;  // 0 = no limit
  // What the tightest group still grants, counting page cache that it can drop; the maximum without a limit.
  uint64_t memory_available_bytes = std::numeric_limits<uint64_t>::max();
};

// root: "" for this machine, or a folder that holds a recorded /proc and /sys.
CgroupLimits read_cgroup_limits(const std::string& root);

}  // namespace dunlin
