// How the quantizers turn a float into an integer code. Both functions are defined for every input, NaN and
// infinities included, because weights come from outside.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace dunlin {

// v rounded half to even where |v| < 2^22; some integer of magnitude <= 2^22 elsewhere.
// Adding 1.5 * 2^23 leaves the integer in the low mantissa bits, rounded by the addition itself.
inline int round_half_even(float v) {
  constexpr float kMagic = 12582912.0f;
  const uint32_t mantissa = std::bit_cast<uint32_t>(v + kMagic) & 0x7FFFFFu;
  return int(mantissa) - 0x400000;
}

inline int round_to_code(float v, int lowest, int highest) {
  return std::clamp(round_half_even(v), lowest, highest);
}

// v cut towards zero and limited to 0..highest; 0 for NaN.
inline uint8_t truncate_to_code(float v, int highest) {
  if (!(v > 0.0f)) return 0;
  return v < float(highest) ? uint8_t(v) : uint8_t(highest);
}

}  // namespace dunlin
