#include "core/kv/prefix_index.h"

#include <catch2/catch.hpp>
#include <numeric>

using namespace dunlin;

namespace {

constexpr int32_t kBlock = 4;

struct Fixture {
  BlockPool pool{8};
  PrefixIndex index{pool, kBlock};

  // A sequence that computes these tokens and ends: its blocks stay in the index alone.
  std::vector<int32_t> remember(const std::vector<int32_t>& tokens) {
    std::vector<int32_t> blocks;
    for (size_t i = 0; i < tokens.size(); i += kBlock) blocks.push_back(pool.allocate());
    index.insert(tokens, blocks, false);
    for (const int32_t b : blocks) pool.release(b);
    return blocks;
  }
};

std::vector<int32_t> count_from(int32_t first, size_t n) {
  std::vector<int32_t> v(n);
  std::iota(v.begin(), v.end(), first);
  return v;
}

}  // namespace

TEST_CASE("a known prefix is found by whole blocks and a part of the next") {
  Fixture f;
  const auto blocks = f.remember(count_from(0, 10));
  int32_t found[8];
  const PrefixMatch match = f.index.find(count_from(0, 9), found);
  CHECK(match.n_full_blocks == 2);
  CHECK(found[0] == blocks[0]);
  CHECK(found[1] == blocks[1]);
  CHECK(match.partial_block == blocks[2]);
  CHECK(match.n_partial_tokens == 1);
}

TEST_CASE("a full block is shared in part where texts part inside it") {
  Fixture f;
  const auto blocks = f.remember(count_from(0, 8));
  int32_t found[8];
  const PrefixMatch match = f.index.find(std::vector<int32_t>{0, 1, 2, 3, 4, 5, 99, 98}, found);
  CHECK(match.n_full_blocks == 1);
  CHECK(match.partial_block == blocks[1]);
  CHECK(match.n_partial_tokens == 2);
}

TEST_CASE("an unknown text matches nothing") {
  Fixture f;
  f.remember(count_from(0, 8));
  int32_t found[8];
  const PrefixMatch match = f.index.find(count_from(50, 8), found);
  CHECK(match.n_full_blocks == 0);
  CHECK(match.partial_block == -1);
}

TEST_CASE("the least recently used leaf goes first, and blocks in use stay") {
  Fixture f;
  const auto old = f.remember(count_from(0, 4));
  const auto recent = f.remember(count_from(100, 8));
  CHECK(f.index.n_evictable() == 3);
  int32_t found[8];
  f.index.find(count_from(0, 4), found);  // touch: now the other leaf is the oldest
  f.pool.add_owner(old[0]);
  CHECK(f.index.n_evictable() == 2);
  CHECK(f.index.evict_one());
  CHECK(f.pool.n_owners(recent[1]) == 0);
  CHECK(f.index.evict_one());
  CHECK(f.pool.n_owners(recent[0]) == 0);
  CHECK_FALSE(f.index.evict_one());
  CHECK(f.pool.n_owners(old[0]) == 2);
}

TEST_CASE("a text that is known already gives its blocks back") {
  Fixture f;
  f.remember(count_from(0, 8));
  const int32_t n_free = f.pool.n_free();
  f.remember(count_from(0, 8));
  CHECK(f.pool.n_free() == n_free);
}

TEST_CASE("blocks that stay in use are not hung below another sequence's") {
  Fixture f;
  f.remember(count_from(0, 4));
  const std::vector<int32_t> mine = {f.pool.allocate(), f.pool.allocate()};
  f.index.insert(count_from(0, 8), mine, true);
  CHECK(f.pool.n_owners(mine[1]) == 1);
  CHECK(f.index.n_evictable() == 1);
}
