#include "core/base/format_bytes.h"

#include <catch2/catch.hpp>

using namespace dunlin;

TEST_CASE("Amounts are given in MB and GB, with two decimals") {
  CHECK(format_bytes(0) == "0.00 MB");
  CHECK(format_bytes(4'999) == "0.00 MB");
  CHECK(format_bytes(5'000) == "0.01 MB");
  CHECK(format_bytes(18'650'000) == "18.65 MB");
  CHECK(format_bytes(999'990'000) == "999.99 MB");
  CHECK(format_bytes(1'000'000'000) == "1.00 GB");
  CHECK(format_bytes(uint64_t(24) << 30) == "25.77 GB");
}
