#include "platforms/linux/cgroup.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "platforms/linux/system_files.h"

namespace dunlin {
namespace {

enum class Version { kV1, kV2 };

// Where one controller's files for this process lie: its own group, then its ancestors as far as they are
// visible.
struct Groups {
  Version version;
  std::vector<std::string> folders;
};

struct Mount {
  std::string_view root;   // the group that is visible at point
  std::string_view point;  // where
};

bool contains(std::string_view comma_list, std::string_view word) {
  for (const std::string_view part : split(comma_list, ',')) {
    if (part == word) return true;
  }
  return false;
}

// A line of mountinfo: id parent major:minor root point options [fields] - type source super_options
std::optional<Mount> find_mount(std::string_view mountinfo, Version version, std::string_view controller) {
  for (const std::string_view line : split(mountinfo, '\n')) {
    const std::vector<std::string_view> fields = split(line, ' ');
    const size_t dash = size_t(std::find(fields.begin(), fields.end(), "-") - fields.begin());
    if (dash < 6 || dash + 3 >= fields.size()) continue;
    const std::string_view type = fields[dash + 1];
    const bool matches = version == Version::kV2 ? type == "cgroup2"
                                                 : type == "cgroup" && contains(fields[dash + 3], controller);
    if (matches) return Mount{fields[3], fields[4]};
  }
  return std::nullopt;
}

// A line of /proc/self/cgroup: id:controllers:group, with "0::group" for version 2.
std::optional<std::string_view> find_group(std::string_view cgroup, Version version,
                                           std::string_view controller) {
  for (const std::string_view line : split(cgroup, '\n')) {
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const bool matches = version == Version::kV2 ? controllers.empty() : contains(controllers, controller);
    if (matches) return line.substr(second + 1);
  }
  return std::nullopt;
}

std::vector<std::string> ancestors(const std::string& root, const Mount& mount, std::string_view group) {
  // In a container, the group is told as the host sees it and the mount shows a part of the tree. A group
  // outside of that part ("/../x") leaves only the mount itself.
  std::string_view relative;
  if (mount.root == "/") {
    relative = group;
  } else if (group.substr(0, mount.root.size()) == mount.root) {
    relative = group.substr(mount.root.size());
  }
  if (relative.find("..") != std::string_view::npos) relative = {};

  std::vector<std::string> folders;
  const std::string top = root + std::string(mount.point);
  while (!relative.empty() && relative != "/") {
    folders.push_back(top + (relative.front() == '/' ? "" : "/") + std::string(relative));
    const size_t slash = relative.rfind('/');
    relative = slash == std::string_view::npos ? std::string_view() : relative.substr(0, slash);
  }
  folders.push_back(top);
  return folders;
}

// The controller's folders in both versions: a machine may have mounted both, with the controller in either.
std::vector<Groups> find_groups(const std::string& root, std::string_view controller) {
  const std::string mountinfo = read_system_file(root + "/proc/self/mountinfo").value_or("");
  const std::string cgroup = read_system_file(root + "/proc/self/cgroup").value_or("");
  std::vector<Groups> found;
  for (const Version version : {Version::kV1, Version::kV2}) {
    const auto mount = find_mount(mountinfo, version, controller);
    if (!mount) continue;
    const auto group = find_group(cgroup, version, controller);
    found.push_back({version, ancestors(root, *mount, group.value_or("/"))});
  }
  return found;
}

// CPUs' worth of time; nullopt without a limit.
std::optional<double> read_quota(const std::string& folder, Version version) {
  std::optional<uint64_t> quota;
  std::optional<uint64_t> period;
  if (version == Version::kV2) {
    const std::string text =
        read_system_file(folder + "/cpu.max").value_or("");  // "150000 100000" or "max 100000"
    const std::vector<std::string_view> fields = split(trim(text), ' ');
    if (fields.size() != 2) return std::nullopt;
    quota = parse_count(fields[0]);
    period = parse_count(fields[1]);
  } else {
    quota = read_count(folder + "/cpu.cfs_quota_us");  // -1, which is no count, without a limit
    period = read_count(folder + "/cpu.cfs_period_us");
  }
  if (!quota || !period || *quota == 0 || *period == 0) return std::nullopt;
  return double(*quota) / double(*period);
}

// "inactive_file" of memory.stat: page cache that is dropped first.
uint64_t read_droppable(const std::string& folder, Version version) {
  const std::string text = read_system_file(folder + "/memory.stat").value_or("");
  const std::string_view key = version == Version::kV2 ? "inactive_file" : "total_inactive_file";
  for (const std::string_view line : split(text, '\n')) {
    const std::vector<std::string_view> fields = split(line, ' ');
    if (fields.size() == 2 && fields[0] == key) return parse_count(fields[1]).value_or(0);
  }
  return 0;
}

// Version 1 without a limit says 2^63 rounded down to a page; no real limit comes near.
constexpr uint64_t kNoMemoryLimit = uint64_t(1) << 60;

void apply_memory_limit(const std::string& folder, Version version, CgroupLimits& limits) {
  const bool v2 = version == Version::kV2;
  const auto limit =
      read_count(folder + (v2 ? "/memory.max" : "/memory.limit_in_bytes"));  // "max" is no count
  if (!limit || *limit >= kNoMemoryLimit) return;
  const uint64_t used = read_count(folder + (v2 ? "/memory.current" : "/memory.usage_in_bytes")).value_or(0);
  const uint64_t held = used - std::min(used, read_droppable(folder, version));
  const uint64_t available = *limit - std::min(*limit, held);
  if (limits.memory_limit_bytes == 0 || *limit < limits.memory_limit_bytes)
    limits.memory_limit_bytes = *limit;
  limits.memory_available_bytes = std::min(limits.memory_available_bytes, available);
}

}  // namespace

CgroupLimits read_cgroup_limits(const std::string& root) {
  CgroupLimits limits;
  for (const Groups& groups : find_groups(root, "cpu")) {
    for (const std::string& folder : groups.folders) {
      const auto quota = read_quota(folder, groups.version);
      if (quota && (limits.cpu_quota == 0 || *quota < limits.cpu_quota)) limits.cpu_quota = *quota;
    }
  }
  for (const Groups& groups : find_groups(root, "memory")) {
    for (const std::string& folder : groups.folders) apply_memory_limit(folder, groups.version, limits);
  }
  return limits;
}

}  // namespace dunlin
