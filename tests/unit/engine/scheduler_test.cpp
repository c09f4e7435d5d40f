#include "core/engine/scheduler.h"

#include <catch2/catch.hpp>
#include <limits>

using namespace dunlin;

namespace {

constexpr SequenceView kDecoding{1, true, -1};
SequenceView prompt(int32_t n) {
  return {n, false, -1};
}

std::vector<ScheduledChunk> schedule(std::vector<SequenceView> views, ScheduleLimits limits) {
  std::vector<ScheduledChunk> out;
  schedule_step(views, limits, out);
  return out;
}

}  // namespace

TEST_CASE("every decoding sequence gets its row before prompts share the rest") {
  const auto chunks = schedule({prompt(100), kDecoding, prompt(100), kDecoding}, {64, 4, 32});
  REQUIRE(chunks.size() == 3);
  CHECK(chunks[0].sequence == 1);
  CHECK(chunks[1].sequence == 3);
  CHECK(chunks[2].sequence == 0);
  CHECK(chunks[2].n_tokens == 32);
}

TEST_CASE("prompts alone fill the step in order") {
  const auto chunks = schedule({prompt(40), prompt(40)}, {64, 4, 8});
  REQUIRE(chunks.size() == 2);
  CHECK(chunks[0].n_tokens == 40);
  CHECK(chunks[1].n_tokens == 24);
}

TEST_CASE("scoring rows are bounded by logit rows, unscored ones are not") {
  std::vector<SequenceView> views = {{100, false, 50}};
  CHECK(schedule(views, {512, 16, 64})[0].n_tokens == 66);
  views[0] = {34, false, 0};
  CHECK(schedule(views, {512, 16, 64})[0].n_tokens == 16);
}

TEST_CASE("a sequence whose scores lie behind all that is pending gets its rows and takes no logit row") {
  constexpr int32_t kMost = std::numeric_limits<int32_t>::max();
  for (const int32_t n_unscored : {100, kMost - 1, kMost}) {
    const auto chunks = schedule({{100, false, n_unscored}, {100, false, 0}}, {512, 16, 64});
    REQUIRE(chunks.size() == 2);
    CHECK(chunks[0].n_tokens == 100);
    CHECK(chunks[1].n_tokens == 16);
  }
}

TEST_CASE("a sequence with nothing pending gets nothing") {
  CHECK(schedule({{0, true, -1}, {0, false, -1}}, {64, 4, 8}).empty());
}

TEST_CASE("rows never exceed the limits") {
  for (int32_t rows = 1; rows <= 9; ++rows) {
    const auto chunks = schedule({kDecoding, prompt(7), kDecoding, prompt(3), kDecoding}, {rows, 5, 4});
    int32_t sum = 0;
    for (const auto& c : chunks) sum += c.n_tokens;
    CHECK(sum <= rows);
    CHECK(sum > 0);
  }
}
