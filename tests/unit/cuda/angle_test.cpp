#include "backends/cuda/device/angle.h"

#include <catch2/catch.hpp>

using dunlin::cuda::half_turns;

TEST_CASE("angles are right far from the start, where products of f32 are not") {
  constexpr long double kPi = 3.14159265358979323846264338327950288L;
  float worst_product = 0;
  for (const int32_t position : {0, 1, 44, 8191, 131071, 1048575, 2147483647}) {
    for (int32_t i = 0; i < 64; ++i) {
      const float inv_freq = std::pow(5e5f, -float(i) / 64.0f);
      const long double angle = static_cast<long double>(position) * static_cast<long double>(inv_freq);
      const float turns = half_turns(position, inv_freq);
      INFO("position " << position << ", frequency " << inv_freq);
      CHECK(std::fabs(turns) <= 1.0f);
      CHECK(std::fabs(double(std::cos(angle) - std::cos(kPi * static_cast<long double>(turns)))) < 1e-6);
      CHECK(std::fabs(double(std::sin(angle) - std::sin(kPi * static_cast<long double>(turns)))) < 1e-6);
      if (position <= 131071)
        worst_product =
            std::max(worst_product, std::fabs(float(std::cos(angle)) - std::cos(float(position) * inv_freq)));
    }
  }
  CHECK(worst_product > 1e-4f);  // the test would notice
}
