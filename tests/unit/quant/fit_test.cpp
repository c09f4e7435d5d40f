#include "core/quant/fit.h"

#include <catch2/catch.hpp>
#include <vector>

#include "core/quant/rounding.h"
#include "core/quant/scale_min.h"

using namespace dunlin;

TEST_CASE("rounding to codes") {
  CHECK(round_half_even(0.5f) == 0);
  CHECK(round_half_even(1.5f) == 2);
  CHECK(round_half_even(-0.5f) == 0);
  CHECK(round_half_even(-1.5f) == -2);
  CHECK(round_half_even(-2.75f) == -3);
  CHECK(round_to_code(99.0f, -4, 3) == 3);
  CHECK(round_to_code(-99.0f, -4, 3) == -4);
  CHECK(truncate_to_code(14.99f, 15) == 14);
  CHECK(truncate_to_code(16.5f, 15) == 15);
  CHECK(truncate_to_code(-1.0f, 15) == 0);
  CHECK(truncate_to_code(1e30f, 31) == 31);
}

TEST_CASE("the signed peak is the first element of the largest magnitude") {
  const float x[] = {1.0f, -3.0f, 3.0f, 2.0f};
  CHECK(signed_peak(x) == -3.0f);
  const float zeros[4] = {};
  CHECK(signed_peak(zeros) == 0.0f);
}

TEST_CASE("fit_minmax finds an exact affine grid") {
  // x = 0.5 * code - 2 with every code of 0..15.
  std::vector<float> x, weights(16, 1.0f);
  for (int code = 0; code < 16; ++code) x.push_back(0.5f * float(code) - 2.0f);
  uint8_t codes[16];
  const MinMaxFit fit = fit_minmax(x, weights, {15, -1.0f, 0.1f, 20, false}, codes);
  CHECK(fit.scale == Approx(0.5f));
  CHECK(fit.min == Approx(2.0f));
  for (int i = 0; i < 16; ++i) CHECK(codes[i] == i);
}

TEST_CASE("fit_minmax never takes a min below zero") {
  const std::vector<float> x{4.0f, 5.0f, 6.0f, 7.0f}, weights(4, 1.0f);
  uint8_t codes[4];
  const MinMaxFit fit = fit_minmax(x, weights, {15, -1.0f, 0.1f, 20, false}, codes);
  CHECK(fit.min == 0.0f);
  for (size_t i = 0; i < 4; ++i) CHECK(fit.scale * codes[i] == Approx(x[i]).epsilon(0.03));

  const std::vector<float> constant(4, -3.0f);
  const MinMaxFit flat = fit_minmax(constant, weights, {15, -1.0f, 0.1f, 20, false}, codes);
  CHECK(flat.scale == 0.0f);
  CHECK(flat.min == 3.0f);
}

TEST_CASE("fit_sym finds an exact symmetric grid") {
  std::vector<float> x;
  for (int q = -32; q < 0; ++q) x.push_back(0.25f * float(q));
  uint8_t codes[32];
  CHECK(fit_sym(x, 32, codes) == 0.25f);
  for (int i = 0; i < 32; ++i) CHECK(codes[i] == i);

  const std::vector<float> tiny(16, 1e-16f);
  CHECK(fit_sym(tiny, 32, codes) == 0.0f);
  CHECK(codes[0] == 0);
}

TEST_CASE("fit_q3 finds an exact symmetric grid") {
  std::vector<float> x;
  for (int q = -4; q < 4; ++q) x.push_back(-1.5f * float(q));
  uint8_t codes[8];
  CHECK(fit_q3(x, codes) == -1.5f);
  for (int i = 0; i < 8; ++i) CHECK(codes[i] == i);
}

TEST_CASE("six-bit scales and mins survive packing in every position") {
  for (int group = 0; group < kScaleMinGroups; ++group) {
    for (uint8_t value = 0; value < 64; ++value) {
      ScaleMin groups[kScaleMinGroups];
      // Neighbors with all the bits that this group lacks, to catch an overlap.
      for (ScaleMin& other : groups) other = {uint8_t(63 - value), value};
      groups[group] = {value, uint8_t(63 - value)};
      uint8_t packed[kScaleMinBytes];
      pack_scale_mins(groups, packed);
      for (int j = 0; j < kScaleMinGroups; ++j) REQUIRE(unpack_scale_min(packed, j) == groups[j]);
    }
  }
}
