// FP8 E4M3 codes as halves by integer arithmetic, for devices that have no instruction for it.
#pragma once

#include <cstdint>

namespace dunlin::cuda {

// Two codes, each in the upper byte of a half-word, as halves divided by 2^8: exponent and mantissa of a code
// are those of a half that is smaller by that, subnormal or not. Not for NaN, which becomes 480.
constexpr uint32_t e4m3x2_to_small_halves(uint32_t upper_bytes) {
  return (upper_bytes & 0x80008000u) | ((upper_bytes >> 1) & 0x3F803F80u);
}

}  // namespace dunlin::cuda
