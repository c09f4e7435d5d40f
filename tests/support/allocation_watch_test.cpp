#include "tests/support/allocation_watch.h"

#include <catch2/catch.hpp>
#include <memory>

#include "core/base/aligned_buffer.h"
#include "platforms/memory.h"

namespace dunlin::test {
namespace {

struct alignas(256) Wide {
  char bytes[1024];
};

// How many allocations this makes, and the largest of them.
template <typename Make>
void check_counted(size_t bytes, Make make) {
  reset_largest_allocation();
  const int64_t before = n_allocations();
  const auto made = make();
  const int64_t n = n_allocations() - before;
  const size_t largest = largest_allocation();
  CHECK(n == 1);
  CHECK(largest >= bytes);
  CHECK(largest < 2 * bytes);
}

TEST_CASE("Every way in which Dunlin allocates is counted") {
  check_counted(1000, [] { return std::make_unique<char[]>(1000); });
  check_counted(sizeof(Wide), [] { return std::make_unique<Wide>(); });
  check_counted(5 * sizeof(Wide), [] { return std::unique_ptr<Wide[]>(new (std::nothrow) Wide[5]); });
  check_counted(10'000, [] { return AlignedBuffer(10'000); });
  check_counted(1 << 20, [] { return std::move(LargeBlock::allocate(1 << 20)).value(); });
}

}  // namespace
}  // namespace dunlin::test
