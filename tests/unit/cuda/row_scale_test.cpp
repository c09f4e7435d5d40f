#include "backends/cuda/device/row_scale.h"

#include <bit>
#include <catch2/catch.hpp>

using namespace dunlin::cuda;

TEST_CASE("a row's power of two brings its peak to where halves are best, as far as it is normal") {
  for (const float peak : {1e-30f, 0.3f, 1.0f, 8191.9f, 8192.0f, 65504.0f, 1e30f}) {
    const int32_t e = row_scale_exponent(std::bit_cast<uint32_t>(peak));
    const auto scale = std::bit_cast<float>(power_of_two_bits(e));
    INFO(peak);
    CHECK(peak * scale >= 8192.0f);
    CHECK(peak * scale < 16384.0f);
    CHECK(scale * std::bit_cast<float>(power_of_two_bits(-e)) == 1.0f);
  }
  CHECK(row_scale_exponent(0) == 0);
  for (const uint32_t peak :
       {1u, 0x007FFFFFu, 0x7F7FFFFFu, 0x7F800000u}) {  // the least, ..., the largest, inf
    const int32_t e = row_scale_exponent(peak);
    CHECK(e >= -126);
    CHECK(e <= 126);
  }
}
