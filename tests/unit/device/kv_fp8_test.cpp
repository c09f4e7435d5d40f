#include "core/device/kv_fp8.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "core/base/e4m3.h"
#include "core/base/half.h"

using namespace dunlin;

namespace {

int32_t exponent_of(float peak) {
  return fp8_scale_exponent(std::bit_cast<uint32_t>(peak));
}

}  // namespace

TEST_CASE("an FP8 cache's scale is the least power of two that leaves no value above 448") {
  for (int32_t e = kFp8LeastExponent; e <= kFp8LargestExponent; ++e) {
    const float largest = 448 * std::ldexp(1.0f, e);
    INFO(largest);
    CHECK(exponent_of(largest) == e);
    CHECK(exponent_of(std::nextafter(largest, 0.0f)) == e);
    CHECK(exponent_of(std::nextafter(largest, 1e9f)) == std::min(e + 1, kFp8LargestExponent));
    CHECK(exponent_of(largest / 2) == std::max(e - 1, kFp8LeastExponent));
    CHECK(f16_to_f32(fp8_scale_half(e)) == std::ldexp(1.0f, e));
    CHECK(std::bit_cast<float>(fp8_scale_float(-e)) == std::ldexp(1.0f, -e));
  }
  CHECK(exponent_of(0) == kFp8LeastExponent);
  CHECK(exponent_of(std::numeric_limits<float>::denorm_min()) == kFp8LeastExponent);
  CHECK(exponent_of(std::numeric_limits<float>::max()) == kFp8LargestExponent);
  CHECK(exponent_of(std::numeric_limits<float>::infinity()) == kFp8LargestExponent);
}

TEST_CASE("what an FP8 cache holds is exactly a half") {
  for (int32_t e = kFp8LeastExponent; e <= kFp8LargestExponent; ++e) {
    for (uint32_t code = 0; code < 256; ++code) {
      if (code % 128 == 127) continue;  // NaN
      const float value = e4m3_to_f32(uint8_t(code)) * std::ldexp(1.0f, e);
      REQUIRE(f16_to_f32(f32_to_f16(value)) == value);
    }
  }
}
