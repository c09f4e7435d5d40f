// The fitters: given one group of values, the scale (and min) and the codes with the least weighted squared
// or absolute error that a short search finds. Every sum is f32 in index order: the result is a file
// format's, and must not depend on the machine. Of NaN and infinities the results are unspecified.
#pragma once

#include <cstdint>
#include <span>

namespace dunlin {

// The longest group that a fitter takes.
inline constexpr int kMaxGroup = 32;
// Symmetric fits take a group of smaller magnitudes for zeros.
inline constexpr float kZeroGroup = 1e-15f;

// The element of largest magnitude with its sign, the first of equals; 0 for a group of zeros.
float signed_peak(std::span<const float> x);

struct ValueRange {
  float least = 0.0f;
  float greatest = 0.0f;
};
ValueRange value_range(std::span<const float> x);

struct MinMaxSearch {
  int n_max;    // codes are 0..n_max
  float r_min;  // candidate i has inverse step (n_max + r_min + i * r_delta) / (greatest - least)
  float r_delta;
  int last_step;        // candidates 0..last_step
  bool absolute_error;  // minimize w |e| instead of w e^2
};

struct MinMaxFit {
  float scale = 0.0f;
  float min = 0.0f;  // x ~ scale * code - min; min >= 0
};
MinMaxFit fit_minmax(std::span<const float> x, std::span<const float> weights, const MinMaxSearch& search,
                     uint8_t* codes);

// x ~ scale * (code - n_max), code 0..2 n_max - 1; weights are x^2. Returns the scale; 0 (and codes 0) for a
// group below kZeroGroup.
float fit_sym(std::span<const float> x, int n_max, uint8_t* codes);

// x ~ scale * (code - 4), code 0..7, by coordinate descent; weights are x^2. Otherwise as fit_sym.
float fit_q3(std::span<const float> x, uint8_t* codes);

}  // namespace dunlin
