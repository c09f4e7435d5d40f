#include "platforms/linux/system_memory.h"

#include <algorithm>

#include "platforms/linux/system_files.h"

namespace dunlin {
namespace {

// "MemTotal:       24610868 kB" in bytes; 0 if the key is not there.
uint64_t find_kib(std::string_view text, std::string_view key) {
  for (const std::string_view line : split(text, '\n')) {
    if (line.substr(0, key.size()) != key || line.substr(key.size(), 1) != ":") continue;
    const std::string_view value = trim(line.substr(key.size() + 1));
    constexpr uint64_t kMaxKib = UINT64_MAX / 1024;
    return std::min(parse_count(value.substr(0, value.find(' '))).value_or(0), kMaxKib) * 1024;
  }
  return 0;
}

}  // namespace

SystemMemory read_system_memory(const std::string& root, const CgroupLimits& limits) {
  const std::string meminfo = read_system_file(root + "/proc/meminfo").value_or("");
  SystemMemory memory;
  memory.total_bytes = find_kib(meminfo, "MemTotal");
  const bool limited = limits.memory_limit_bytes > 0 &&
                       (memory.total_bytes == 0 || limits.memory_limit_bytes < memory.total_bytes);
  memory.limit_bytes = limited ? limits.memory_limit_bytes : 0;
  memory.available_bytes = std::min(find_kib(meminfo, "MemAvailable"), limits.memory_available_bytes);
  return memory;
}

SystemMemory system_memory() {
  return read_system_memory("", read_cgroup_limits(""));
}

ProcessMemory process_memory() {
  const std::string status = read_system_file("/proc/self/status").value_or("");
  return {find_kib(status, "VmRSS"), find_kib(status, "VmHWM")};
}

}  // namespace dunlin
