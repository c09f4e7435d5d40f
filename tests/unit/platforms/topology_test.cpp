#include "platforms/topology.h"

#include <catch2/catch.hpp>

#include "core/base/str_cat.h"
#include "platforms/linux/sysfs_topology.h"
#include "platforms/linux/system_files.h"
#include "tests/unit/platforms/recorded_machine.h"

namespace dunlin {
namespace {

constexpr uint64_t kMiB = uint64_t(1) << 20;
constexpr uint64_t kGiB = uint64_t(1) << 30;

// Intel Core i7-12700: 8 performance cores with SMT (CPUs 0-15), 4 efficiency cores (16-19). CPUs 4 to 7
// belong to the two favored cores.
void record_alder_lake(RecordedMachine& machine) {
  machine.write("/sys/devices/system/cpu/online", "0-19\n");
  machine.write("/sys/devices/cpu_core/cpus", "0-15\n");
  machine.write("/sys/devices/cpu_atom/cpus", "16-19\n");
  machine.write("/proc/self/status", "Name:\tdunlin\nCpus_allowed:\tfffff\nCpus_allowed_list:\t0-19\n");
  machine.write("/proc/meminfo",
                "MemTotal:       32604112 kB\nMemFree:  100 kB\nMemAvailable:   20000000 kB\n");
  for (int cpu = 0; cpu < 16; ++cpu) {
    const std::string siblings = str_cat(cpu / 2 * 2, "-", cpu / 2 * 2 + 1);
    machine.add_cpu({cpu, siblings, cpu >= 4 && cpu < 8 ? 4900000 : 4800000});
    machine.add_cache(cpu, 0, 1, "Data", "48K", siblings);
    machine.add_cache(cpu, 1, 1, "Instruction", "32K", siblings);
    machine.add_cache(cpu, 2, 2, "Unified", "1280K", siblings);
    machine.add_cache(cpu, 3, 3, "Unified", "25600K", "0-19");
  }
  for (int cpu = 16; cpu < 20; ++cpu) {
    machine.add_cpu({cpu, str_cat(cpu), 3600000});
    machine.add_cache(cpu, 0, 1, "Data", "32K", str_cat(cpu));
    machine.add_cache(cpu, 1, 1, "Instruction", "64K", str_cat(cpu));
    machine.add_cache(cpu, 2, 2, "Unified", "2048K", "16-19");
    machine.add_cache(cpu, 3, 3, "Unified", "25600K", "0-19");
  }
}

// Rockchip RK3588: CPUs 0-3 are Cortex-A55, 4-7 Cortex-A76; no cache folders in this kernel.
void record_rk3588(RecordedMachine& machine) {
  machine.write("/sys/devices/system/cpu/online", "0-7\n");
  machine.write("/proc/self/status", "Cpus_allowed_list:\t0-7\n");
  for (int cpu = 0; cpu < 8; ++cpu) {
    machine.add_cpu({cpu, str_cat(cpu), cpu < 4 ? 1800000 : 2400000, cpu < 4 ? 530 : 1024});
  }
}

// A container on a server of 8 cores with SMT (siblings n and n + 8): affinity mask, CPU quota and memory
// limit, the tighter ones in a parent group.
void record_container_v2(RecordedMachine& machine) {
  machine.write("/sys/devices/system/cpu/online", "0-15\n");
  machine.write("/proc/self/status", "Cpus_allowed_list:\t2-5,10-13\n");
  machine.write("/proc/meminfo", "MemTotal:       65536000 kB\nMemAvailable:   60000000 kB\n");
  machine.write("/proc/self/cgroup", "0::/kubepods/pod1/main\n");
  machine.write("/proc/self/mountinfo",
                "24 23 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
                "31 24 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  machine.write("/sys/fs/cgroup/kubepods/pod1/main/cpu.max", "max 100000\n");
  machine.write("/sys/fs/cgroup/kubepods/pod1/cpu.max", "250000 100000\n");
  machine.write("/sys/fs/cgroup/kubepods/pod1/main/memory.max", "max\n");
  machine.write("/sys/fs/cgroup/kubepods/pod1/memory.max", "2147483648\n");
  machine.write("/sys/fs/cgroup/kubepods/pod1/memory.current", "1073741824\n");
  machine.write("/sys/fs/cgroup/kubepods/pod1/memory.stat",
                "anon 536870912\ninactive_file 536870912\nslab 1\n");
  for (int cpu = 0; cpu < 16; ++cpu) machine.add_cpu({cpu, str_cat(cpu % 8, ",", cpu % 8 + 8)});
}

// Docker with control groups of version 1: the mount shows only the container's own group. Two sockets, a
// memory node each.
void record_docker_v1(RecordedMachine& machine) {
  machine.write("/sys/devices/system/cpu/online", "0-3\n");
  machine.write("/sys/devices/system/node/online", "0-1\n");
  machine.write("/sys/devices/system/node/node0/cpulist", "0-1\n");
  machine.write("/sys/devices/system/node/node1/cpulist", "2-3\n");
  machine.write("/proc/self/status", "Cpus_allowed_list:\t0-3\n");
  machine.write("/proc/meminfo", "MemTotal:       8192000 kB\nMemAvailable:   4096000 kB\n");
  machine.write("/proc/self/cgroup", "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/\n");
  machine.write("/proc/self/mountinfo",
                "33 32 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
                "36 32 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
  machine.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n");
  machine.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  machine.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  machine.write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "1000\n");
  for (int cpu = 0; cpu < 4; ++cpu) machine.add_cpu({cpu, str_cat(cpu), 0, 0, cpu / 2});
}

TEST_CASE("a hybrid desktop: classes, siblings, caches and thread counts") {
  RecordedMachine machine;
  record_alder_lake(machine);
  const Topology topology = read_linux_topology(machine.root());

  REQUIRE(topology.cpus.size() == 20);
  REQUIRE(topology.cores.size() == 12);
  CHECK(topology.is_hybrid());
  CHECK(topology.cores[0].core_class == CoreClass::kPerformance);
  CHECK(topology.cores[0].cpus == std::vector<int>{0, 1});
  CHECK(topology.cores[0].max_mhz == 4800);
  CHECK(topology.cores[8].core_class == CoreClass::kEfficiency);
  CHECK(topology.cpus[1].core == 0);
  CHECK(topology.cpus[1].smt_index == 1);

  REQUIRE(topology.caches.size() == 3);
  CHECK(topology.caches[0].n_instances == 12);
  CHECK(topology.caches[0].bytes == 48 * 1024);
  CHECK(topology.caches[1].n_instances == 9);
  CHECK(topology.caches[1].bytes == 2 * kMiB);
  CHECK(topology.caches[2].n_cpus_sharing == 20);

  CHECK(topology.memory.total_bytes == 32604112 * uint64_t(1024));
  CHECK(topology.memory.available_bytes == 20000000 * uint64_t(1024));
  CHECK(topology.memory.limit_bytes == 0);

  const ThreadPlan plan = recommend_threads(topology);
  CHECK(plan.n_decode == 8);
  CHECK(plan.n_prefill == 12);
  CHECK(plan.cpu_order ==
        std::vector<int>{4, 6, 0, 2, 8, 10, 12, 14, 16, 17, 18, 19, 5, 7, 1, 3, 9, 11, 13, 15});
  CHECK(n_usable_cpus(topology) == 20);
}

TEST_CASE("a big.LITTLE board: the capacity tells the classes") {
  RecordedMachine machine;
  record_rk3588(machine);
  const Topology topology = read_linux_topology(machine.root());
  REQUIRE(topology.cores.size() == 8);
  CHECK(topology.cores[0].core_class == CoreClass::kEfficiency);
  CHECK(topology.cores[4].core_class == CoreClass::kPerformance);
  CHECK(topology.caches.empty());

  const ThreadPlan plan = recommend_threads(topology);
  CHECK(plan.n_decode == 4);
  CHECK(plan.n_prefill == 8);
  CHECK(plan.cpu_order == std::vector<int>{4, 5, 6, 7, 0, 1, 2, 3});
}

TEST_CASE("a container of version 2: mask, quota and memory limit of the tightest group") {
  RecordedMachine machine;
  record_container_v2(machine);
  const Topology topology = read_linux_topology(machine.root());
  CHECK(topology.cores.size() == 8);
  CHECK_FALSE(topology.is_hybrid());
  CHECK(topology.cpu_quota == Approx(2.5));
  CHECK(topology.memory.limit_bytes == 2 * kGiB);
  CHECK(topology.memory.available_bytes ==
        2 * kGiB - 512 * kMiB);  // what is used, without droppable page cache

  const ThreadPlan plan = recommend_threads(topology);
  CHECK(plan.n_decode == 2);
  CHECK(plan.n_prefill == 2);
  CHECK(plan.cpu_order == std::vector<int>{2, 3, 4, 5, 10, 11, 12, 13});
  CHECK(n_usable_cpus(topology) == 2);

  const std::string text = explain(topology);
  CHECK_THAT(text, Catch::Contains("8 cores, 16 logical CPUs with SMT"));
  CHECK_THAT(text, Catch::Contains("8 of 16 logical CPUs allowed"));
  CHECK_THAT(text, Catch::Contains("quota of 2.50"));
  CHECK_THAT(text, Catch::Contains("container limit 2.15 GB"));
  CHECK_THAT(text, Catch::Contains("2 for decode, 2 for prefill (capped by the CPU quota)"));
}

TEST_CASE("a container of version 1 that sees only its own group") {
  RecordedMachine machine;
  record_docker_v1(machine);
  const Topology topology = read_linux_topology(machine.root());
  CHECK(topology.cpu_quota == Approx(0.5));
  CHECK(topology.memory.limit_bytes == 0);
  CHECK(topology.memory.available_bytes == 4096000 * uint64_t(1024));
  CHECK(topology.n_memory_nodes == 2);
  CHECK(topology.cores[1].memory_node == 0);
  CHECK(topology.cores[2].memory_node == 1);
  CHECK(topology.cores[2].package == 1);
  CHECK(recommend_threads(topology).n_decode == 1);  // never less than one thread
}

TEST_CASE("a mask that leaves only an SMT sibling still counts its core") {
  RecordedMachine machine;
  record_container_v2(machine);
  machine.write("/proc/self/status", "Cpus_allowed_list:\t10\n");
  const Topology topology = read_linux_topology(machine.root());
  const ThreadPlan plan = recommend_threads(topology);
  CHECK(plan.cpu_order == std::vector<int>{10});
  CHECK(plan.n_prefill == 1);
}

TEST_CASE("dense cores without capacity are told by their clock") {
  RecordedMachine machine;
  machine.write("/sys/devices/system/cpu/online", "0-5\n");
  for (int cpu = 0; cpu < 6; ++cpu) machine.add_cpu({cpu, str_cat(cpu), cpu < 2 ? 5100000 : 3300000});
  const Topology topology = read_linux_topology(machine.root());
  CHECK(topology.is_hybrid());
  CHECK(recommend_threads(topology).n_decode == 4);  // two fast cores alone would not fill the memory bus
}

TEST_CASE("a machine that tells nothing has one CPU") {
  RecordedMachine machine;
  const Topology topology = read_linux_topology(machine.root());
  REQUIRE(topology.cpus.size() == 1);
  REQUIRE(topology.cores.size() == 1);
  const ThreadPlan plan = recommend_threads(topology);
  CHECK(plan.n_decode == 1);
  CHECK(plan.n_prefill == 1);
  CHECK(plan.cpu_order == std::vector<int>{0});
}

TEST_CASE("malformed files are as good as missing ones") {
  RecordedMachine machine;
  machine.write("/sys/devices/system/cpu/online", "0-999999999999\n");
  machine.write("/proc/self/status", "Cpus_allowed_list:\t3-1\n");
  machine.write("/proc/self/cgroup", "::::\n0:\n\n0::/../../etc\n");
  machine.write("/proc/self/mountinfo", "1 2 - -\n31 24 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  machine.write("/sys/fs/cgroup/cpu.max", "0 0\n");
  machine.write("/proc/meminfo", "MemTotal: 99999999999999999999999 kB\nMemAvailable: -5 kB\n");
  machine.add_cpu({0, "0,0,x", -1, 0});
  machine.add_cache(0, 0, 1, "Data", "99999999999999999999M", "0");
  const Topology topology = read_linux_topology(machine.root());
  CHECK(topology.cpus.size() == 1);
  CHECK(topology.cpu_quota == 0);
  CHECK(topology.memory.total_bytes == 0);
  REQUIRE(topology.caches.size() == 1);
  CHECK(topology.caches[0].bytes == 0);
}

TEST_CASE("CPU lists") {
  CHECK(parse_cpu_list("0-3,8\n") == std::vector<int>{0, 1, 2, 3, 8});
  CHECK(parse_cpu_list("5,1,1-2") == std::vector<int>{1, 2, 5});
  CHECK(parse_cpu_list("").empty());
  CHECK(parse_cpu_list("1,,2").empty());
  CHECK(parse_cpu_list("-3").empty());
  CHECK(parse_cpu_list("0-16384").empty());
}

TEST_CASE("this machine") {
  const Topology topology = detect_topology();
  REQUIRE_FALSE(topology.cpus.empty());
  const ThreadPlan plan = recommend_threads(topology);
  CHECK(plan.n_decode >= 1);
  CHECK(plan.n_decode <= plan.n_prefill);
  CHECK(plan.cpu_order.size() >= size_t(plan.n_prefill));
  CHECK(topology.memory.available_bytes > 0);
  CHECK(topology.memory.available_bytes <= topology.memory.total_bytes);
  CHECK_THAT(explain(topology), Catch::Contains("threads: "));
}

}  // namespace
}  // namespace dunlin
