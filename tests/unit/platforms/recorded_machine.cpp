#include "tests/unit/platforms/recorded_machine.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "core/base/check.h"
#include "core/base/str_cat.h"

namespace dunlin {

RecordedMachine::RecordedMachine() {
  root_ = (std::filesystem::temp_directory_path() / "dunlin-machine-XXXXXX").string();
  DUNLIN_CHECK(mkdtemp(root_.data()) != nullptr);
}

RecordedMachine::~RecordedMachine() {
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

void RecordedMachine::write(std::string_view path, std::string_view text) {
  const std::filesystem::path file = str_cat(root_, path);
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

void RecordedMachine::add_cpu(const RecordedCpu& cpu) {
  const std::string folder = str_cat("/sys/devices/system/cpu/cpu", cpu.id);
  write(folder + "/topology/core_cpus_list", cpu.siblings + "\n");
  write(folder + "/topology/physical_package_id", str_cat(cpu.package, "\n"));
  if (cpu.max_khz > 0) write(folder + "/cpufreq/cpuinfo_max_freq", str_cat(cpu.max_khz, "\n"));
  if (cpu.capacity > 0) write(folder + "/cpu_capacity", str_cat(cpu.capacity, "\n"));
}

void RecordedMachine::add_cache(int cpu, int index, int level, std::string_view type, std::string_view size,
                                std::string_view shared_cpus) {
  const std::string folder = str_cat("/sys/devices/system/cpu/cpu", cpu, "/cache/index", index);
  write(folder + "/level", str_cat(level, "\n"));
  write(folder + "/type", str_cat(type, "\n"));
  write(folder + "/size", str_cat(size, "\n"));
  write(folder + "/shared_cpu_list", str_cat(shared_cpus, "\n"));
}

}  // namespace dunlin
