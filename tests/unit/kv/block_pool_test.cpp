#include "core/kv/block_pool.h"

#include <catch2/catch.hpp>

#include "core/base/check.h"

using namespace dunlin;

TEST_CASE("blocks are unique until they are released by every owner") {
  BlockPool pool(3);
  const int32_t a = pool.allocate(), b = pool.allocate(), c = pool.allocate();
  CHECK(a != b);
  CHECK(b != c);
  CHECK(a != c);
  CHECK(pool.allocate() == -1);
  pool.add_owner(b);
  pool.release(b);
  CHECK(pool.n_free() == 0);
  pool.release(b);
  CHECK(pool.n_free() == 1);
  CHECK(pool.allocate() == b);
}

TEST_CASE("releasing a free block is a defect") {
  BlockPool pool(1);
  CHECK_THROWS_AS(pool.release(0), CheckFailure);
}
