// How far the decoded values may be from the source, on ordinary weights and on extreme ones.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "core/quant/format.h"

using namespace dunlin;

namespace {

constexpr DType kQuantized[] = {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ8_0,
                                DType::kQ2_K, DType::kQ3_K, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K};
constexpr DType kFloats[] = {DType::kF32, DType::kF16, DType::kBF16};

std::vector<uint8_t> quantized(DType type, const std::vector<float>& x) {
  std::vector<uint8_t> blocks(row_bytes(type, x.size()));
  quant_format(type).quantize(x.data(), blocks.data(), x.size());
  return blocks;
}

std::vector<float> round_trip(DType type, const std::vector<float>& x) {
  std::vector<float> out(x.size());
  quant_format(type).dequantize(quantized(type, x).data(), out.data(), out.size());
  return out;
}

// Sums of 12 uniform numbers: the same bell on every standard library.
std::vector<float> bell(size_t n) {
  std::mt19937 bits(1234);
  std::vector<float> x(n);
  for (float& v : x) {
    v = -6.0f;
    for (int i = 0; i < 12; ++i) v += float(bits() >> 8) * 0x1p-24f;
  }
  return x;
}

double relative_rms_error(const std::vector<float>& x, const std::vector<float>& y) {
  double error = 0.0, power = 0.0;
  for (size_t i = 0; i < x.size(); ++i) {
    error += (double(x[i]) - y[i]) * (double(x[i]) - y[i]);
    power += double(x[i]) * x[i];
  }
  return std::sqrt(error / power);
}

double max_error(const std::vector<float>& x, const std::vector<float>& y) {
  double worst = 0.0;
  for (size_t i = 0; i < x.size(); ++i) worst = std::max(worst, std::fabs(double(x[i]) - y[i]));
  return worst;
}

}  // namespace

TEST_CASE("the error on bell-shaped weights stays at the type's level") {
  struct Level {
    DType type;
    double relative_rms;
  };
  constexpr Level kMeasured[] = {
      {DType::kQ4_0, 0.08474},  {DType::kQ4_1, 0.07759}, {DType::kQ5_0, 0.04219}, {DType::kQ5_1, 0.03752},
      {DType::kQ8_0, 0.005284}, {DType::kQ2_K, 0.294},   {DType::kQ3_K, 0.1494},  {DType::kQ4_K, 0.07068},
      {DType::kQ5_K, 0.03571},  {DType::kQ6_K, 0.01754},
  };
  const std::vector<float> x = bell(65536);
  for (const Level& level : kMeasured) {
    INFO(dtype_name(level.type));
    CHECK(relative_rms_error(x, round_trip(level.type, x)) == Approx(level.relative_rms).epsilon(0.02));
  }
}

TEST_CASE("no element of a block of 32 is off by more than its step allows") {
  struct Bound {
    DType type;
    double per_peak;  // error / largest magnitude
  };
  // The symmetric types have no code for the negated peak: a whole step there, half a step elsewhere. The
  // last term is f16's rounding of the scale (2^-11) times the largest code.
  constexpr double kF16 = 0x1p-11;
  constexpr Bound kBounds[] = {{DType::kQ4_0, 1.0 / 8 + kF16},
                               {DType::kQ4_1, 2.0 / 15 / 2 + 3 * kF16},
                               {DType::kQ5_0, 1.0 / 16 + kF16},
                               {DType::kQ5_1, 2.0 / 31 / 2 + 3 * kF16},
                               {DType::kQ8_0, 1.0 / 127 / 2 + kF16}};
  const std::vector<float> x = bell(65536);
  for (const Bound& bound : kBounds) {
    INFO(dtype_name(bound.type));
    for (size_t begin = 0; begin < x.size(); begin += 32) {
      const std::vector<float> block(x.begin() + long(begin), x.begin() + long(begin) + 32);
      double peak = 0.0;
      for (const float v : block) peak = std::max(peak, double(std::fabs(v)));
      REQUIRE(max_error(block, round_trip(bound.type, block)) <= bound.per_peak * peak);
    }
  }
}

TEST_CASE("zeros stay zeros") {
  const std::vector<float> zeros(512, 0.0f);
  for (const DType type : kQuantized) {
    INFO(dtype_name(type));
    CHECK(round_trip(type, zeros) == zeros);
  }
}

TEST_CASE("a block of one value keeps it") {
  for (const float value : {1.0f, -1.0f, 0.25f, -3.25f, 1000.0f}) {
    const std::vector<float> x(256, value);
    for (const DType type : kQuantized) {
      INFO(dtype_name(type) << " " << value);
      CHECK(max_error(x, round_trip(type, x)) <= std::fabs(value) * 0x1p-10);
    }
  }
}

TEST_CASE("the largest weights that quantize() takes") {
  std::vector<float> x(256);
  for (size_t i = 0; i < x.size(); ++i) x[i] = (i % 2 ? -1.0f : 1.0f) * kMaxQuantizable;
  for (const DType type : kQuantized) {
    INFO(dtype_name(type));
    const std::vector<uint8_t> blocks = quantized(type, x);
    CHECK(relative_rms_error(x, round_trip(type, x)) < 0.2);
  }
}

TEST_CASE("no value traps, and denormals become zeros") {
  const float infinity = std::numeric_limits<float>::infinity();
  const float extremes[] = {std::numeric_limits<float>::max(),
                            -std::numeric_limits<float>::max(),
                            std::numeric_limits<float>::denorm_min(),
                            1e-40f,
                            infinity,
                            -infinity,
                            std::numeric_limits<float>::quiet_NaN()};
  for (const DType type : kQuantized) {
    for (const float extreme : extremes) {
      INFO(dtype_name(type) << " " << extreme);
      std::vector<float> x = bell(256);
      x[77] = extreme;
      (void)round_trip(type, x);
      std::fill(x.begin(), x.end(), extreme);
      (void)round_trip(type, x);
      if (std::fabs(extreme) < 1.0f) CHECK(max_error(x, round_trip(type, x)) < 1e-37);
    }
  }
}

// --check-tensors looks at decoded elements.
TEST_CASE("a scale or min that is infinite or NaN shows in the elements of its block, and in no other") {
  struct Field {
    DType type;
    size_t offset;
  };
  // Where the f16 fields of each type are.
  constexpr Field kFields[] = {
      {DType::kQ4_0, 0}, {DType::kQ4_1, 0}, {DType::kQ4_1, 2},  {DType::kQ5_0, 0},  {DType::kQ5_1, 0},
      {DType::kQ5_1, 2}, {DType::kQ8_0, 0}, {DType::kQ2_K, 80}, {DType::kQ2_K, 82}, {DType::kQ3_K, 108},
      {DType::kQ4_K, 0}, {DType::kQ4_K, 2}, {DType::kQ5_K, 0},  {DType::kQ5_K, 2},  {DType::kQ6_K, 208}};
  for (const Field& field : kFields) {
    INFO(dtype_name(field.type) << " byte " << field.offset);
    const DTypeInfo& info = dtype_info(field.type);
    const uint64_t n = 3 * info.block_elements;
    std::vector<uint8_t> blocks = quantized(field.type, bell(n));
    blocks[2 * info.block_bytes + field.offset + 1] = 0x7C;  // the last block: infinity or NaN
    std::vector<float> x(n);
    quant_format(field.type).dequantize(blocks.data(), x.data(), n);
    const auto last_block = x.begin() + 2 * ptrdiff_t(info.block_elements);
    const auto is_finite = [](float v) { return std::isfinite(v); };
    CHECK(std::all_of(x.begin(), last_block, is_finite));
    CHECK(std::none_of(last_block, x.end(), is_finite));
  }
}
