// dunlin_roofline [seconds per probe]: prints what this machine can do at most, for one thread and for the
// recommended count: memory bandwidth, int8 arithmetic of every instruction set, barrier latency.
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include "backends/cpu/roofline.h"
#include "platforms/cpu_features.h"
#include "platforms/thread_affinity.h"
#include "platforms/topology.h"

namespace {

using namespace dunlin;

void print_read_bandwidth(ThreadTeam& team, std::string_view isa, double seconds) {
  const auto read = cpu::measure_read_bandwidth(team, isa, seconds);
  if (!read.is_ok()) return void(std::printf("  read bandwidth: %s\n", read.message().c_str()));
  std::printf("  read bandwidth  %8.1f GB/s median %8.1f best   %.*s, %d passes over %.0f MiB\n",
              read->median_gb_per_s, read->best_gb_per_s, int(read->pattern.size()), read->pattern.data(),
              read->n_passes, double(read->buffer_bytes) / (1 << 20));
}

void print_int8_peak(ThreadTeam& team, std::string_view isa, double seconds) {
  const auto peak = cpu::measure_int8_peak(team, isa, seconds);
  if (!peak.is_ok()) return void(std::printf("  int8 peak: %s\n", peak.message().c_str()));
  std::printf("  int8 peak       %8.3f TOPS median %8.3f best   %.*s: %.*s\n", peak->median_tops,
              peak->best_tops, int(isa.size()), isa.data(), int(peak->instruction.size()),
              peak->instruction.data());
}

int print_table(int n_threads, const Topology& topology, const CpuFeatures& features, double seconds) {
  const std::vector<int> order = recommend_threads(topology).cpu_order;
  ThreadTeamOptions options;
  options.n_threads = n_threads;
  options.cpus.assign(order.begin(), order.begin() + n_threads);
  options.n_available_cpus = n_usable_cpus(topology);
  auto team = ThreadTeam::create(options);
  if (!team.is_ok()) {
    std::fprintf(stderr, "%s\n", team.message().c_str());
    return EXIT_FAILURE;
  }
  const ScopedPin pin(options.cpus.front());
  std::printf("\n%d thread%s\n", n_threads, n_threads == 1 ? "" : "s");
  const std::vector<std::string_view> isas = runnable_isas(features);
  print_read_bandwidth(**team, isas.front(), seconds);
  for (const std::string_view isa : isas) print_int8_peak(**team, isa, seconds);
  if (n_threads > 1) {
    const cpu::BarrierLatency barrier = cpu::measure_barrier_latency(**team, seconds);
    std::printf("  barrier         %8.2f us   median %8.2f best\n", barrier.median_us, barrier.best_us);
  }
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr double kDefaultSeconds = 1;
  constexpr double kMaxSeconds = 60;
  const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : kDefaultSeconds;
  if (argc > 2 || !(seconds > 0 && seconds <= kMaxSeconds)) {
    std::fprintf(stderr, "usage: %s [seconds per probe, up to %.0f]\n", argv[0], kMaxSeconds);
    return EXIT_FAILURE;
  }
  const CpuFeatures features = detect_cpu_features();
  const Topology topology = detect_topology();
  const ThreadPlan plan = recommend_threads(topology);
  std::printf("%s\n%s\n%s", features.brand.c_str(), feature_list(features).c_str(),
              explain(topology).c_str());
  for (const int n_threads : std::set<int>{1, plan.n_decode, plan.n_prefill}) {
    if (print_table(n_threads, topology, features, seconds) != EXIT_SUCCESS) return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
