#include "backends/cpu/roofline.h"

#include <catch2/catch.hpp>

#include "platforms/cpu_features.h"

namespace dunlin::cpu {
namespace {

constexpr double kSeconds = 0.01;

std::unique_ptr<ThreadTeam> make_team(int n_threads) {
  ThreadTeamOptions options;
  options.n_threads = n_threads;
  return ThreadTeam::create(options).value();
}

TEST_CASE("memory is read at a rate that a machine can have") {
  const auto team = make_team(2);
  const auto read = measure_read_bandwidth(*team, runnable_isas(detect_cpu_features()).front(), kSeconds);
  REQUIRE(read.is_ok());
  CHECK(read->n_passes >= 5);
  CHECK(read->buffer_bytes >= uint64_t(64) << 20);
  CHECK_FALSE(read->pattern.empty());
  CHECK(read->median_gb_per_s > 0.1);
  CHECK(read->best_gb_per_s >= read->median_gb_per_s);
  CHECK(read->best_gb_per_s < 10'000);  // more means that the loop was optimized away
}

TEST_CASE("every runnable instruction set has an int8 peak") {
  const auto team = make_team(1);
  for (const std::string_view isa : runnable_isas(detect_cpu_features())) {
    const auto peak = measure_int8_peak(*team, isa, kSeconds);
    CAPTURE(isa);
    REQUIRE(peak.is_ok());
    CHECK(peak->median_tops > 1e-5);
    CHECK(peak->best_tops >= peak->median_tops);
    CHECK(peak->best_tops < 10);  // of one thread
    CHECK_FALSE(peak->instruction.empty());
  }
}

TEST_CASE("an instruction set that cannot run is an error that names it") {
  const auto team = make_team(1);
  const auto peak = measure_int8_peak(*team, "sparc_vis", kSeconds);
  REQUIRE_FALSE(peak.is_ok());
  CHECK(peak.status().code() == StatusCode::kUnsupported);
  CHECK_THAT(peak.message(), Catch::Contains("sparc_vis"));
  CHECK_FALSE(measure_read_bandwidth(*team, "sparc_vis", kSeconds).is_ok());
}

TEST_CASE("a barrier takes some time") {
  const auto team = make_team(2);
  const BarrierLatency latency = measure_barrier_latency(*team, kSeconds);
  CHECK(latency.best_us > 0.001);
  CHECK(latency.median_us >= latency.best_us);
}

}  // namespace
}  // namespace dunlin::cpu
