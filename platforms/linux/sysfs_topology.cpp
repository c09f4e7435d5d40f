#include "platforms/linux/sysfs_topology.h"

#include <algorithm>
#include <map>
#include <set>

#include "platforms/linux/cgroup.h"
#include "platforms/linux/system_files.h"
#include "platforms/linux/system_memory.h"

namespace dunlin {
namespace {

constexpr int kMaxCacheIndex = 16;

// A core is an efficiency core if it is slower than this part of the fastest. Favored cores of one class
// differ by less than a tenth; little Arm cores have 25-60 % of the capacity, dense Zen cores about 65 % of
// the clock.
constexpr double kEfficiencyCapacity = 0.7;
constexpr double kEfficiencyClock = 0.8;

bool contains(const std::vector<int>& sorted, int value) {
  return std::binary_search(sorted.begin(), sorted.end(), value);
}

std::string cpu_folder(const std::string& root, int cpu) {
  return root + "/sys/devices/system/cpu/cpu" + std::to_string(cpu);
}

// The affinity mask of the process; empty where unknown.
std::vector<int> read_allowed(const std::string& root) {
  const std::string status = read_system_file(root + "/proc/self/status").value_or("");
  constexpr std::string_view kKey = "Cpus_allowed_list:";
  for (const std::string_view line : split(status, '\n')) {
    if (line.substr(0, kKey.size()) == kKey) return parse_cpu_list(line.substr(kKey.size()));
  }
  return {};
}

std::vector<int> read_online(const std::string& root, const std::vector<int>& allowed) {
  std::vector<int> online = read_cpu_list(root + "/sys/devices/system/cpu/online");
  if (online.empty()) online = allowed;
  if (online.empty()) online = {0};
  return online;
}

void read_cores(const std::string& root, const std::vector<int>& online, const std::vector<int>& allowed,
                Topology& topology) {
  std::map<int, int> core_of_first_sibling;
  for (const int cpu : online) {
    const std::string folder = cpu_folder(root, cpu);
    std::vector<int> siblings = read_cpu_list(folder + "/topology/core_cpus_list");
    if (siblings.empty())
      siblings = read_cpu_list(folder + "/topology/thread_siblings_list");  // before Linux 5.3
    if (!contains(siblings, cpu)) siblings = {cpu};

    const auto [entry, is_new] =
        core_of_first_sibling.try_emplace(siblings.front(), int(topology.cores.size()));
    if (is_new) {
      Core core;
      core.package = int(read_count(folder + "/topology/physical_package_id").value_or(0));
      core.max_mhz = uint32_t(read_count(folder + "/cpufreq/cpuinfo_max_freq").value_or(0) / 1000);
      core.capacity = uint32_t(read_count(folder + "/cpu_capacity").value_or(0));
      topology.cores.push_back(core);
    }
    Core& core = topology.cores[size_t(entry->second)];
    core.cpus.push_back(cpu);
    topology.cpus.push_back(
        {cpu, entry->second, int(core.cpus.size()) - 1, allowed.empty() || contains(allowed, cpu)});
  }
}

// Marks as efficiency cores those whose value is below a part of the greatest; false if the values do not
// tell.
bool classify_by(Topology& topology, uint32_t Core::*value, double part) {
  uint32_t greatest = 0;
  for (const Core& core : topology.cores) greatest = std::max(greatest, core.*value);
  bool found = false;
  for (Core& core : topology.cores) {
    if (core.*value == 0 || double(core.*value) >= part * greatest) continue;
    core.core_class = CoreClass::kEfficiency;
    found = true;
  }
  return found;
}

void classify_cores(const std::string& root, Topology& topology) {
  // Intel's hybrid CPUs say it outright: the kernel has a performance counter unit for each class.
  const std::vector<int> atoms = read_cpu_list(root + "/sys/devices/cpu_atom/cpus");
  const bool has_big = !read_cpu_list(root + "/sys/devices/cpu_core/cpus").empty();
  if (has_big && !atoms.empty()) {
    for (Core& core : topology.cores) {
      if (contains(atoms, core.cpus.front())) core.core_class = CoreClass::kEfficiency;
    }
    return;
  }
  if (classify_by(topology, &Core::capacity, kEfficiencyCapacity)) return;
  classify_by(topology, &Core::max_mhz, kEfficiencyClock);
}

void read_memory_nodes(const std::string& root, Topology& topology) {
  const std::string folder = root + "/sys/devices/system/node";
  const std::vector<int> nodes = read_cpu_list(folder + "/online");
  topology.n_memory_nodes = std::max(1, int(nodes.size()));
  for (const int node : nodes) {
    const std::vector<int> cpus = read_cpu_list(folder + "/node" + std::to_string(node) + "/cpulist");
    for (Core& core : topology.cores) {
      if (contains(cpus, core.cpus.front())) core.memory_node = node;
    }
  }
}

// "48K", "2048K", "32M" in bytes; 0 if it is neither.
uint64_t parse_cache_size(std::string_view text) {
  text = trim(text);
  if (text.empty()) return 0;
  const char unit = text.back();
  const int shift = unit == 'K' ? 10 : unit == 'M' ? 20 : 0;
  if (shift != 0) text.remove_suffix(1);
  const uint64_t count = parse_count(text).value_or(0);
  return count >> (63 - shift) != 0 ? 0 : count << shift;
}

void read_caches(const std::string& root, Topology& topology) {
  struct Level {
    CacheLevel cache;
    std::set<int> first_cpus;  // of each instance
  };
  std::map<int, Level> levels;
  for (const LogicalCpu& cpu : topology.cpus) {
    for (int index = 0; index < kMaxCacheIndex; ++index) {
      const std::string folder = cpu_folder(root, cpu.id) + "/cache/index" + std::to_string(index);
      const auto level = read_count(folder + "/level");
      if (!level) break;
      if (trim(read_system_file(folder + "/type").value_or("")) == "Instruction") continue;
      std::vector<int> sharing = read_cpu_list(folder + "/shared_cpu_list");
      if (sharing.empty()) sharing = {cpu.id};
      Level& entry = levels[int(std::min<uint64_t>(*level, kMaxCacheIndex))];
      entry.first_cpus.insert(sharing.front());
      CacheLevel& cache = entry.cache;
      cache.bytes = std::max(cache.bytes, parse_cache_size(read_system_file(folder + "/size").value_or("")));
      cache.n_cpus_sharing = std::max(cache.n_cpus_sharing, int(sharing.size()));
    }
  }
  for (auto& [number, level] : levels) {
    level.cache.level = number;
    level.cache.n_instances = int(level.first_cpus.size());
    topology.caches.push_back(level.cache);
  }
}

}  // namespace

Topology read_linux_topology(const std::string& root) {
  Topology topology;
  const std::vector<int> allowed = read_allowed(root);
  read_cores(root, read_online(root, allowed), allowed, topology);
  classify_cores(root, topology);
  read_memory_nodes(root, topology);
  read_caches(root, topology);
  const CgroupLimits limits = read_cgroup_limits(root);
  topology.cpu_quota = limits.cpu_quota;
  topology.memory = read_system_memory(root, limits);
  return topology;
}

Topology detect_topology() {
  return read_linux_topology("");
}

}  // namespace dunlin
