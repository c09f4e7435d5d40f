#include "core/device/choice_math.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "core/sampling/philox.h"

namespace dunlin {
namespace {

constexpr double kUnit = 0x1p-40;

TEST_CASE("a mass is exp of the distance, in steps of 2^-40") {
  CHECK(choice_mass(3.5f, 3.5f, 0.7f) == uint64_t(1) << kMassBits);
  for (uint64_t i = 0; i < 20000; ++i) {
    const float largest = float(40.0 * uniform_draw(1, i) - 20.0);
    const float logit = largest - float(35.0 * uniform_draw(2, i));
    const auto temperature = float(0.05 + 2.0 * uniform_draw(3, i));
    const double exact = std::exp(double((logit - largest) / temperature));
    const double mass = double(choice_mass(logit, largest, temperature)) * kUnit;
    CAPTURE(logit, largest, temperature);
    REQUIRE(std::abs(mass - exact) <= 3e-7 * exact + kUnit);  // docs/numerics.md: 2e-7 and what is cut off
  }
}

TEST_CASE("masses at the ends of floats") {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  CHECK(choice_mass(-kInf, 1.0f, 1.0f) == 0);
  CHECK(choice_mass(-3e38f, 3e38f, 1.0f) == 0);
  CHECK(choice_mass(-3e38f, -3e38f, 10.0f) == uint64_t(1) << kMassBits);
  CHECK(choice_mass(0.9999f, 1.0f, 1e-40f) == 0);
  CHECK(choice_mass(1.0f, 1.0f, 1e-40f) == uint64_t(1) << kMassBits);
  CHECK(choice_mass(-29.0f, 0.0f, 1.0f) == 0);
}

TEST_CASE("the draw's target is below the sum, the nucleus' mass within it") {
  for (const uint64_t sum : {uint64_t(1) << 40, (uint64_t(1) << 58) + 12345, uint64_t(7)}) {
    CHECK(draw_target(sum, 0.0) == 0);
    CHECK(draw_target(sum, 1.0 - 0x1p-53) < sum);
    CHECK(nucleus_mass(sum, 0.0f) == 1);
    CHECK(nucleus_mass(sum, std::nextafter(1.0f, 0.0f)) <= sum);
  }
  CHECK(draw_target(1000, 0.25) == 250);
  CHECK(nucleus_mass(1000, 0.5f) == 500);
}

}  // namespace
}  // namespace dunlin
