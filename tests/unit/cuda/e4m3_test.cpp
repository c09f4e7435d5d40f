#include <catch2/catch.hpp>

#include "backends/cuda/device/e4m3_bits.h"
#include "core/base/e4m3.h"
#include "core/base/half.h"

using namespace dunlin;

TEST_CASE("integer arithmetic makes of every pair of e4m3 what they are") {
  const auto value = [](uint32_t half) { return 256 * f16_to_f32(uint16_t(half)); };
  for (uint32_t low = 0; low < 256; ++low) {
    for (uint32_t high = 0; high < 256; ++high) {
      const uint32_t halves = cuda::e4m3x2_to_small_halves(high << 24 | low << 8);
      INFO(low << " " << high);
      if (low % 128 != 127) REQUIRE(f32_to_e4m3(value(halves & 0xFFFF)) == low);
      if (low % 128 != 127) REQUIRE(value(halves & 0xFFFF) == e4m3_to_f32(uint8_t(low)));
      if (high % 128 != 127) REQUIRE(f32_to_e4m3(value(halves >> 16)) == high);
      if (high % 128 != 127) REQUIRE(value(halves >> 16) == e4m3_to_f32(uint8_t(high)));
    }
  }
}
