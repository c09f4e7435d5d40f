#include "core/sampling/penalty_window.h"

#include <catch2/catch.hpp>
#include <deque>

#include "core/sampling/philox.h"

namespace dunlin {
namespace {

TEST_CASE("penalties by hand") {
  PenaltyWindow window(5, -1);
  for (const int32_t token : {1, 2, 1, 3}) window.accept(token);
  std::vector<float> logits = {4, 4, -4, 0, -4};
  SECTION("repeat divides what is positive and multiplies the rest, once a token") {
    window.apply(logits, 2.0f, 0.0f, 0.0f);
    CHECK(logits == std::vector<float>{4, 2, -8, 0, -4});
  }
  SECTION("presence counts once, frequency every time") {
    window.apply(logits, 1.0f, 0.5f, 0.25f);
    CHECK(logits == std::vector<float>{4, 3, -4.75f, -0.75f, -4});
  }
  SECTION("together: repeat first") {
    window.apply(logits, 2.0f, 0.5f, 0.25f);
    CHECK(logits == std::vector<float>{4, 1, -8.75f, -0.75f, -4});
  }
  SECTION("negative penalties favor") {
    window.apply(logits, 0.5f, -1.0f, 0.0f);
    CHECK(logits == std::vector<float>{4, 9, -1, 1, -4});
  }
}

TEST_CASE("the window counts the last tokens only") {
  // Against a plain queue, with tokens that leave and come back.
  constexpr int32_t kVocab = 7;
  const int32_t last_n = GENERATE(1, 2, 5, 16);
  PenaltyWindow window(kVocab, last_n);
  std::deque<int32_t> queue;
  for (uint64_t i = 0; i < 300; ++i) {
    const int32_t token = int32_t(uniform_draw(11, i) * kVocab);
    window.accept(token);
    queue.push_back(token);
    if (queue.size() > size_t(last_n)) queue.pop_front();
    std::vector<float> expected(kVocab, 0.0f), found(kVocab, 0.0f);
    for (const int32_t t : queue) expected[size_t(t)] -= 1.0f;
    window.apply(found, 1.0f, 0.0f, 1.0f);
    REQUIRE(found == expected);
  }
}

TEST_CASE("the counts before the next token are those behind it without it") {
  constexpr int32_t kVocab = 7;
  const int32_t last_n = GENERATE(-1, 1, 2, 5, 16);
  PenaltyWindow window(kVocab, last_n);
  for (uint64_t i = 0; i < 300; ++i) {
    std::vector<TokenCount> before(kVocab);
    before.resize(window.counts_before_next(before));
    std::vector<int32_t> expected(kVocab), found(kVocab);
    for (const TokenCount& entry : before) {
      REQUIRE(entry.count > 0);
      found[size_t(entry.token)] += entry.count;
    }
    const int32_t token = int32_t(uniform_draw(12, i) * kVocab);
    window.accept(token);
    ++found[size_t(token)];
    for (const TokenCount& entry : window.counts()) expected[size_t(entry.token)] = entry.count;
    REQUIRE(found == expected);
  }
}

TEST_CASE("a window of 0 does nothing, and rows may be shorter than the vocabulary") {
  PenaltyWindow off(3, 0);
  off.accept(1);
  std::vector<float> logits = {1, 1, 1};
  off.apply(logits, 2.0f, 1.0f, 1.0f);
  CHECK(logits == std::vector<float>{1, 1, 1});

  PenaltyWindow window(5, 4);
  window.accept(4);
  window.accept(0);
  window.apply(logits, 2.0f, 0.0f, 0.0f);
  CHECK(logits == std::vector<float>{0.5f, 1, 1});
}

}  // namespace
}  // namespace dunlin
