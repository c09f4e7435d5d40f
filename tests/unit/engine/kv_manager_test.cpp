#include "core/engine/kv_manager.h"

#include <catch2/catch.hpp>
#include <numeric>

using namespace dunlin;

namespace {

std::vector<int32_t> count_from(int32_t first, size_t n) {
  std::vector<int32_t> v(n);
  std::iota(v.begin(), v.end(), first);
  return v;
}

}  // namespace

TEST_CASE("what one sequence left serves the next, the last block as a copy") {
  std::vector<std::pair<int32_t, int32_t>> copies;
  KvManager kv(8, 4, [&](int32_t from, int32_t to) { copies.emplace_back(from, to); });
  std::vector<int32_t> first;
  REQUIRE(kv.reserve(10, first));
  REQUIRE(first.size() == 3);
  const auto kept = first;
  kv.release(count_from(0, 10), first, true);
  CHECK(first.empty());

  std::vector<int32_t> second;
  CHECK(kv.reuse_prefix(count_from(0, 10), second) == 10);
  REQUIRE(second.size() == 3);
  CHECK(second[0] == kept[0]);
  CHECK(second[1] == kept[1]);
  CHECK(second[2] != kept[2]);
  CHECK(copies == std::vector<std::pair<int32_t, int32_t>>{{kept[2], second[2]}});
  kv.release(count_from(0, 10), second, false);
  CHECK(kv.n_available_blocks() == 8);
}

TEST_CASE("room is made by forgetting, never by taking from the living") {
  KvManager kv(4, 4, [](int32_t, int32_t) {});
  std::vector<int32_t> old, living, more;
  REQUIRE(kv.reserve(8, old));
  kv.release(count_from(0, 8), old, true);
  REQUIRE(kv.reserve(8, living));
  REQUIRE(kv.reserve(8, more));  // evicts both remembered blocks
  std::vector<int32_t> none;
  CHECK_FALSE(kv.reserve(1, none));
  kv.release(count_from(50, 8), more, false);
  CHECK(kv.reserve(1, none));
}

TEST_CASE("memory does not leak over many sequences") {
  KvManager kv(6, 4, [](int32_t, int32_t) {});
  for (int32_t round = 0; round < 200; ++round) {
    std::vector<int32_t> blocks;
    const auto tokens = count_from(round % 7, size_t(5 + round % 13));
    const int32_t reused = kv.reuse_prefix(std::span(tokens).first(tokens.size() - 1), blocks);
    REQUIRE(reused < int32_t(tokens.size()));
    REQUIRE(kv.reserve(int32_t(tokens.size()), blocks));
    if (round % 3 == 0) kv.share(tokens, blocks);
    kv.release(tokens, blocks, round % 2 == 0);
    REQUIRE(kv.n_available_blocks() == 6);
  }
}
