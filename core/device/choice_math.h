// The arithmetic of a choice, for the host's Sampler and for devices that choose tokens: both give the same
// token because both compute this.
//
// A candidate's mass is exp((logit - largest) / temperature) as a whole number of 2^-40. Sums of masses are
// exact in any order, so neither threads nor the order of candidates show in a result. What is left of float
// arithmetic rounds once an operation: who compiles this must not contract a product and a sum to an fma.
// Source of the polynomial: Cephes, expf (2e-7 relative).
#pragma once

#include <cstdint>

namespace dunlin {

inline constexpr int kMassBits = 40;  // the largest logit's mass is 2^40: 2^24 of them fit into 64 bits

// logit <= largest, which is finite; temperature > 0. 0 below about 2^-40, and for a logit of -inf.
constexpr uint64_t choice_mass(float logit, float largest, float temperature) {
  constexpr float kLowest = -28.5f;  // exp of it is less than 2^-41
  constexpr float kLog2E = 1.44269504f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  constexpr int kFractionBits = 24;
  // A division, because the reciprocal of a tiny temperature is infinite and 0 * inf would lose the best.
  const float x = (logit - largest) / temperature;
  if (!(x > kLowest)) return 0;
  const int power = int(x * kLog2E - 0.5f);
  const float r = (x - float(power) * kLn2High) - float(power) * kLn2Low;
  float y = 1.9875691500e-4f;
  y = y * r + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = y * (r * r) + r + 1.0f;  // exp(r), in 0.7..1.42
  const auto fraction = uint64_t(uint32_t(y * float(1 << kFractionBits)));
  return fraction << (kMassBits - kFractionBits) >> -power;
}

// The mass that the most probable must hold under top-p; at least 1.
constexpr uint64_t nucleus_mass(uint64_t sum, float top_p) {
  const auto mass = uint64_t(double(top_p) * double(sum));
  return mass > 0 ? mass : 1;
}

// The draw takes the first candidate, in order of ids, with which the sum of masses exceeds this; sum > 0 is
// that of all.
constexpr uint64_t draw_target(uint64_t sum, double uniform) {
  const auto target = uint64_t(uniform * double(sum));
  return target < sum ? target : sum - 1;  // uniform so near to 1 that rounding hides it
}

// Source: Keskar et al., "CTRL", 2019 (repeat), and the OpenAI API reference (frequency, presence).
constexpr float penalized_logit(float logit, int32_t count, float repeat, float presence, float frequency) {
  const float scaled = logit > 0.0f ? logit / repeat : logit * repeat;
  return scaled - (float(count) * frequency + presence);
}

}  // namespace dunlin
