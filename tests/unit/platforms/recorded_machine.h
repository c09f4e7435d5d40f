// RecordedMachine: a folder with the parts of /proc and /sys that a machine shows, for tests of code that
// reads them. The folder lives as long as the object. One thread at a time.
#pragma once

#include <string>
#include <string_view>

namespace dunlin {

struct RecordedCpu {
  int id = 0;
  std::string siblings;  // of the same core, itself included: "0-1"
  int max_khz = 0;       // 0: the machine has no cpufreq
  int capacity = 0;      // 0: the kernel does not tell
  int package = 0;
};

class RecordedMachine {
 public:
  RecordedMachine();
  ~RecordedMachine();
  RecordedMachine(const RecordedMachine&) = delete;
  RecordedMachine& operator=(const RecordedMachine&) = delete;

  const std::string& root() const { return root_; }

  // path: absolute on the recorded machine.
  void write(std::string_view path, std::string_view text);
  void add_cpu(const RecordedCpu& cpu);
  void add_cache(int cpu, int index, int level, std::string_view type, std::string_view size,
                 std::string_view shared_cpus);

 private:
  std::string root_;
};

}  // namespace dunlin
