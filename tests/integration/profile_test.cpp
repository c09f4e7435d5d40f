// Engine::profile on every device: what the phases of a step add up to.
#include <catch2/catch.hpp>
#include <numeric>

#include "core/device/attention_work.h"
#include "tests/support/engines.h"

using namespace dunlin;
using namespace dunlin::testing;

namespace {

// The ahead device stands for those that measure nothing.
bool measures(const DeviceInfo& device) {
  return device.id != "ahead";
}

int64_t attention_macs(const ModelConfig& c, int64_t n_scores) {
  return 2 * c.n_layer * c.n_head * c.head_dim * n_scores;
}

}  // namespace

TEST_CASE("phases have the step's work, its time and its tokens") {
  const auto model = open_model(kFairyGguf);
  for (const DeviceInfo& device : test_registry().enumerate()) {
    if (!measures(device)) continue;
    EngineOptions options;
    options.device = device.id;
    options.n_ctx = 256;
    options.n_sequences = 2;
    const auto engine = open_engine(model, options);
    const EngineInfo& info = engine->info();
    for (const ProfileOptions& step : {ProfileOptions{1, 1, 0, 3}, {1, 2, 150, 3}, {100, 1, 20, 3}}) {
      INFO(device.id << ": " << step.n_sequences << " x " << step.n_rows << " rows at depth " << step.depth);
      const auto profile = engine->profile(step);
      INFO((profile.is_ok() ? "" : profile.message()));
      REQUIRE(profile.is_ok());
      CHECK(profile->same_tokens);
      CHECK(profile->counters.n_allocations == 0);
      CHECK(profile->counters.n_graphs == 0);
      CHECK(profile->counters.n_waits <= 1);
      int64_t macs = 0, n_scores = 0;
      double sum_us = 0;
      for (const PhaseTime& phase : profile->times.phases) {
        INFO(phase.name);
        CHECK(phase.us >= 0);
        CHECK(!phase.kernel.empty());
        macs += phase.macs;
        sum_us += phase.us;
      }
      for (int32_t r = 0; r < step.n_rows; ++r) n_scores += step.n_sequences * (step.depth + r + 1);
      CHECK(macs == info.macs_per_token * step.n_rows * step.n_sequences +
                        info.head_macs_per_token * step.n_sequences +
                        attention_macs(model->config(), n_scores));
      CHECK(profile->times.step_us > 0);
      CHECK(sum_us > 0);  // how it compares with the step is for quiet machines: `dunlin profile` prints it
    }
  }
}

TEST_CASE("a profile that does not fit is refused, and leaves the engine as it was") {
  const auto model = open_model(kFairyGguf);
  EngineOptions options;
  options.n_ctx = 64;
  const auto engine = open_engine(model, options);
  const Outcome before = run(*engine, greedy_request({3054, 585, 261}, 8));
  CHECK(engine->profile({1, 1, 64, 1}).status().code() == StatusCode::kContextExceeded);
  CHECK(engine->profile({1, 2, 0, 1}).status().code() == StatusCode::kInvalidArgument);
  CHECK(engine->profile({513, 1, 0, 1}).status().code() == StatusCode::kInvalidArgument);
  CHECK(engine->profile({1, 1, 0, 0}).status().code() == StatusCode::kInvalidArgument);
  // More often than there are KV blocks: each gives its blocks back.
  for (int i = 0; i < 20; ++i) REQUIRE(engine->profile({1, 1, 40, 1}).is_ok());
  CHECK(run(*engine, greedy_request({3054, 585, 261}, 8)).tokens == before.tokens);
}

TEST_CASE("a device that measures nothing says so") {
  const auto engine = open_engine(open_model(kFairyGguf), [] {
    EngineOptions options;
    options.device = "ahead";
    return options;
  }());
  CHECK(engine->profile({}).status().code() == StatusCode::kUnsupported);
}

TEST_CASE("attention's work is counted by what rows see") {
  StepInputs step({8, 8, 2, 4});
  const std::vector<int32_t> tokens(3, 7), blocks(4, 0);
  REQUIRE(step.add_sequence(tokens, 10, blocks));             // rows see 11, 12 and 13 positions
  REQUIRE(step.add_sequence({tokens.data(), 1}, 0, blocks));  // one
  CHECK(attention_work(step, 0).n_positions == 13 + 1);
  CHECK(attention_work(step, 0).n_scores == 11 + 12 + 13 + 1);
  // With a window of 4 the first row sees positions 7 to 10.
  CHECK(attention_work(step, 4).n_positions == 6 + 1);
  CHECK(attention_work(step, 4).n_scores == 4 + 4 + 4 + 1);
}
