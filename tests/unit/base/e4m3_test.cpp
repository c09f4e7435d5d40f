#include "core/base/e4m3.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/half.h"

using namespace dunlin;

namespace {

// The format's definition.
double value_of(uint32_t code) {
  const int exponent = code >> 3 & 15, mantissa = code & 7;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(1 + mantissa / 8.0, exponent - 7);
  return code & 0x80 ? -magnitude : magnitude;
}

// The code of the nearest value, by looking at all of them.
uint8_t nearest(double x) {
  const uint32_t sign = std::signbit(x) ? 0x80 : 0;
  uint32_t best = 0;
  for (uint32_t code = 1; code < 0x7F; ++code) {
    const double now = std::abs(value_of(code) - std::abs(x)),
                 before = std::abs(value_of(best) - std::abs(x));
    if (now < before || (now == before && code % 2 == 0)) best = code;
  }
  return uint8_t(sign | best);
}

}  // namespace

TEST_CASE("every e4m3 is what the format says, and survives f32 and back") {
  for (uint32_t code = 0; code < 256; ++code) {
    INFO(code);
    const float f = e4m3_to_f32(uint8_t(code));
    if ((code & 0x7F) == 0x7F) {
      REQUIRE(std::isnan(f));
    } else {
      REQUIRE(double(f) == value_of(code));
      REQUIRE(std::signbit(f) == (code >= 0x80));
    }
    REQUIRE(f32_to_e4m3(f) == code);
  }
}

TEST_CASE("every half becomes the nearest e4m3") {
  for (uint32_t half = 0; half < 0x10000; ++half) {
    const float f = f16_to_f32(uint16_t(half));
    INFO(f);
    if (std::isnan(f)) {
      REQUIRE((f32_to_e4m3(f) & 0x7F) == 0x7F);
    } else {
      REQUIRE(f32_to_e4m3(f) == nearest(f));
    }
  }
}

TEST_CASE("f32 to e4m3 rounds to nearest even: every tie, and what is beside it") {
  for (uint32_t code = 0; code < 0x7E; ++code) {
    const auto tie = float((value_of(code) + value_of(code + 1)) / 2);
    INFO(tie);
    REQUIRE(f32_to_e4m3(tie) == code + code % 2);
    REQUIRE(f32_to_e4m3(-tie) == (code + code % 2 | 0x80));
    REQUIRE(f32_to_e4m3(std::nextafter(tie, 0.0f)) == code);
    REQUIRE(f32_to_e4m3(std::nextafter(tie, 1000.0f)) == code + 1);
  }
}

TEST_CASE("f32 to e4m3 saturates, and keeps zeros and NaN") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float huge : {448.0f, 464.0f, 480.0f, 1e10f, std::numeric_limits<float>::max(), kInfinity}) {
    CHECK(f32_to_e4m3(huge) == 0x7E);
    CHECK(f32_to_e4m3(-huge) == 0xFE);
  }
  CHECK(f32_to_e4m3(std::numeric_limits<float>::denorm_min()) == 0);
  CHECK(f32_to_e4m3(-0.0f) == 0x80);
  CHECK(f32_to_e4m3(NAN) == 0x7F);
  CHECK(f32_to_e4m3(-NAN) == 0xFF);
}
