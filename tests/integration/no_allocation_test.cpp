// Counts allocations: after warm-up a decoded token makes none.
#include <catch2/catch.hpp>

#include "tests/support/allocation_watch.h"
#include "tests/support/engines.h"

using namespace dunlin;
using namespace dunlin::testing;

namespace {

// Remembers the count after the warm-up and at the end; its own tokens go nowhere.
class Counter final : public GenerationListener {
 public:
  static constexpr int32_t kWarmUp = 8;
  bool on_token(const TokenEvent&) override {
    ++n_tokens;
    if (n_tokens == kWarmUp) at_warm = test::n_allocations();
    at_last = test::n_allocations();
    return true;
  }
  void on_finished(const GenerationResult&) override { done.set_value(); }
  int32_t n_tokens = 0;
  int64_t at_warm = 0, at_last = 0;
  std::promise<void> done;
};

}  // namespace

TEST_CASE("decoding allocates nothing, over block borders, greedy and sampled, in one part and in two") {
  const auto model = open_model(kFairyGguf);
  EngineOptions options;
  options.n_ctx = 512;
  options.parts = GENERATE(std::vector<PartRequest>{}, std::vector<PartRequest>{{"cpu", 1}, {"cpu", 3}});
  const auto engine = open_engine(model, options);
  for (const float temperature : {0.0f, 0.9f}) {
    GenerationRequest request = greedy_request({3054, 585, 261}, 400);
    request.sampling.temperature = temperature;
    const auto counter = std::make_shared<Counter>();
    REQUIRE(engine->submit(std::move(request), counter).is_ok());
    counter->done.get_future().wait();
    CHECK(counter->n_tokens == 400);
    CHECK(counter->at_last - counter->at_warm == 0);
  }
}
