#include "backends/cpu/roofline.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "backends/cpu/kernels/roofline.h"
#include "platforms/clock.h"
#include "platforms/cpu_features.h"
#include "platforms/memory.h"
#include "platforms/work_split.h"

namespace dunlin::cpu {

// Each is defined by the translation unit of its instruction set, if that is built: isa/<isa>_roofline.cpp.
extern const RooflineProbes kGenericRoofline;
extern const RooflineProbes kAvx2Roofline;
extern const RooflineProbes kAvxVnniRoofline;
extern const RooflineProbes kAvx512VnniRoofline;
extern const RooflineProbes kNeonDotprodRoofline;
extern const RooflineProbes kNeonI8mmRoofline;

namespace {

constexpr const RooflineProbes* kProbes[] = {
#if DUNLIN_CPU_AVX512VNNI
    &kAvx512VnniRoofline,
#endif
#if DUNLIN_CPU_AVXVNNI
    &kAvxVnniRoofline,
#endif
#if DUNLIN_CPU_AVX2
    &kAvx2Roofline,
#endif
#if DUNLIN_CPU_NEON_I8MM
    &kNeonI8mmRoofline,
#endif
#if DUNLIN_CPU_NEON_DOTPROD
    &kNeonDotprodRoofline,
#endif
    &kGenericRoofline};

constexpr uint64_t kMaxBufferBytes = uint64_t(1) << 30;
constexpr uint64_t kMinBufferBytes = uint64_t(64) << 20;
constexpr int kTrialPasses = 2;           // for each order of reading; the fastest gets the remaining time
constexpr int kMinPasses = 5;             // a median of fewer says little
constexpr double kRegionSeconds = 0.01;   // of one timed int8 region: far more than starting it costs
constexpr int kBarriersPerRegion = 1000;  // likewise
constexpr double kOpsPerMac = 2;
constexpr int64_t kSeedMask = 0x0FFFFFFF;  // of a seed

struct Summary {
  double median = 0;
  double greatest = 0;
};

Summary summarize(std::vector<double> rates) {
  std::sort(rates.begin(), rates.end());
  return {rates[rates.size() / 2], rates.back()};
}

double seconds_since(int64_t start_ns) {
  return double(monotonic_ns() - start_ns) * 1e-9;
}

Result<const RooflineProbes*> find_probes(std::string_view isa) {
  if (!can_run_isa(detect_cpu_features(), isa)) {
    return Status::unsupported("this CPU cannot run the instruction set '", isa,
                               "'; choose one of those it lists");
  }
  for (const RooflineProbes* probes : kProbes) {
    if (isa == probes->isa) return probes;
  }
  return Status::unsupported("this build has no roofline probes for '", isa, "'; measure 'generic'");
}

// Random bytes: no zero page, nothing that a memory controller could compress. Each thread fills what it will
// read, so that the pages lie on its memory node.
void fill(ThreadTeam& team, LargeBlock& block) {
  team.run([&](int thread_index, int n_threads) {
    const IndexRange share = static_share(int64_t(block.size()), thread_index, n_threads, kReadUnitBytes);
    uint64_t x = 0x9E3779B97F4A7C15u + uint64_t(thread_index);
    uint64_t* const words = reinterpret_cast<uint64_t*>(block.data());
    for (int64_t i = share.begin / 8; i < share.end / 8; ++i) {
      x ^= x << 13;
      x ^= x >> 7;
      x ^= x << 17;
      words[i] = x;
    }
  });
}

// One pass of all threads over the block, in GB/s.
double read_pass(ThreadTeam& team, const LargeBlock& block, const ReadProbe& probe,
                 std::atomic<uint64_t>& sink) {
  const int64_t start = monotonic_ns();
  team.run([&](int thread_index, int n_threads) {
    const IndexRange share = static_share(int64_t(block.size()), thread_index, n_threads, kReadUnitBytes);
    if (!share.empty()) sink ^= probe.read(block.data() + share.begin, size_t(share.size()));
  });
  return double(block.size()) * 1e-9 / seconds_since(start);
}

// Seconds that a region of n_steps on every thread takes.
double multiply_seconds(ThreadTeam& team, const RooflineProbes& probes, int64_t n_steps,
                        std::atomic<int64_t>& sink) {
  const int32_t seed = int32_t(monotonic_ns() & kSeedMask);
  const int64_t start = monotonic_ns();
  team.run([&](int, int) { sink ^= probes.multiply(n_steps, seed); });
  return seconds_since(start);
}

}  // namespace

Result<ReadBandwidth> measure_read_bandwidth(ThreadTeam& team, std::string_view isa, double seconds) {
  // Loads of the generic probe are good enough where the instruction set has no probe of its own.
  const auto own_probes = find_probes(isa);
  if (!own_probes.is_ok() && !can_run_isa(detect_cpu_features(), isa)) return own_probes.status();
  const RooflineProbes* const probes = own_probes.is_ok() ? *own_probes : &kGenericRoofline;

  const uint64_t affordable = system_memory().available_bytes / 4;
  const uint64_t bytes = std::min(kMaxBufferBytes, affordable) / kReadUnitBytes * kReadUnitBytes;
  if (bytes < kMinBufferBytes) {
    return Status::exhausted("measuring memory bandwidth needs ", 4 * kMinBufferBytes,
                             " bytes of free memory, ", 4 * affordable,
                             " are available; close other programs");
  }
  DUNLIN_ASSIGN_OR_RETURN(LargeBlock block, LargeBlock::allocate(bytes, HugePages::kAdvise));
  fill(team, block);

  std::atomic<uint64_t> sink{0};
  const int64_t start = monotonic_ns();
  std::vector<double> best_rates;
  const ReadProbe* best = nullptr;
  for (int i = 0; i < probes->n_reads; ++i) {
    std::vector<double> rates;
    for (int pass = 0; pass < kTrialPasses; ++pass) {
      rates.push_back(read_pass(team, block, probes->reads[i], sink));
    }
    if (best != nullptr && summarize(rates).greatest <= summarize(best_rates).greatest) continue;
    best = &probes->reads[i];
    best_rates = std::move(rates);
  }
  while (int(best_rates.size()) < kMinPasses || seconds_since(start) < seconds) {
    best_rates.push_back(read_pass(team, block, *best, sink));
  }
  const Summary summary = summarize(best_rates);
  return ReadBandwidth{summary.median, summary.greatest, int(best_rates.size()), bytes, best->pattern};
}

Result<Int8Peak> measure_int8_peak(ThreadTeam& team, std::string_view isa, double seconds) {
  DUNLIN_ASSIGN_OR_RETURN(const RooflineProbes* const probes, find_probes(isa));
  std::atomic<int64_t> sink{0};
  int64_t n_steps = 1000;
  while (multiply_seconds(team, *probes, n_steps, sink) < kRegionSeconds) n_steps *= 2;

  const double operations = kOpsPerMac * double(probes->macs_per_step) * double(n_steps) * team.n_threads();
  std::vector<double> rates;
  const int64_t start = monotonic_ns();
  while (int(rates.size()) < kMinPasses || seconds_since(start) < seconds) {
    rates.push_back(operations * 1e-12 / multiply_seconds(team, *probes, n_steps, sink));
  }
  const Summary summary = summarize(rates);
  return Int8Peak{summary.median, summary.greatest, probes->int8_instruction};
}

BarrierLatency measure_barrier_latency(ThreadTeam& team, double seconds) {
  std::vector<double> rates;  // barriers a microsecond
  const int64_t start = monotonic_ns();
  while (int(rates.size()) < kMinPasses || seconds_since(start) < seconds) {
    const int64_t region_start = monotonic_ns();
    team.run([&](int, int) {
      for (int i = 0; i < kBarriersPerRegion; ++i) team.barrier();
    });
    rates.push_back(kBarriersPerRegion * 1e-6 / seconds_since(region_start));
  }
  const Summary summary = summarize(rates);
  return {1 / summary.median, 1 / summary.greatest};
}

}  // namespace dunlin::cpu
