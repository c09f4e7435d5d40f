#include "core/base/half.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace dunlin;

TEST_CASE("every f16 survives f32 and back") {
  for (uint32_t h = 0; h < 0x10000; ++h) {
    const float f = f16_to_f32(uint16_t(h));
    if (std::isnan(f)) {
      REQUIRE(std::isnan(f16_to_f32(f32_to_f16(f))));
    } else {
      REQUIRE(f32_to_f16(f) == h);
    }
  }
}

TEST_CASE("f32 to f16 rounds to nearest even") {
  CHECK(f32_to_f16(1.0f + 0x1p-11f) == 0x3C00);      // tie: to even
  CHECK(f32_to_f16(1.0f + 3 * 0x1p-11f) == 0x3C02);  // tie: to even, upwards
  CHECK(f32_to_f16(1.0f + 0x1.8p-11f) == 0x3C01);
  CHECK(f32_to_f16(65519.0f) == 0x7BFF);
  CHECK(f32_to_f16(65520.0f) == 0x7C00);
  CHECK(f32_to_f16(0x1p-25f) == 0);  // tie with zero: to even
  CHECK(f32_to_f16(0x1.8p-25f) == 1);
  CHECK(f32_to_f16(0x1.ffep-15f) == 0x0400);  // a subnormal that rounds up to the least normal
}

TEST_CASE("f32 to bf16 rounds to nearest even") {
  CHECK(f32_to_bf16(1.0f + 0x1p-8f) == 0x3F80);
  CHECK(f32_to_bf16(1.0f + 3 * 0x1p-8f) == 0x3F82);
  CHECK(std::isnan(bf16_to_f32(f32_to_bf16(NAN))));
}
