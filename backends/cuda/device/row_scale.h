// The power of two that a row is multiplied by before it is rounded to halves: it brings the row's peak into
// [2^13, 2^14), so that a massive activation does not overflow, and what is 2^-27 of it still is a normal
// half.
#pragma once

#include <cstdint>

#include "backends/cuda/formats/host_device.h"

namespace dunlin::cuda {

// peak: the bits of the row's largest absolute value, f32. Both 2^e and 2^-e are normal.
DUNLIN_HD int32_t row_scale_exponent(uint32_t peak) {
  constexpr int32_t kPeakExponent = 13, kBias = 127, kLargest = 126;
  if (peak == 0) return 0;
  const int32_t e = kPeakExponent - (int32_t(peak >> 23) - kBias);
  return e < -kLargest ? -kLargest : e > kLargest ? kLargest : e;
}

// The bits of 2^e, f32.
DUNLIN_HD uint32_t power_of_two_bits(int32_t e) {
  return uint32_t(e + 127) << 23;
}

}  // namespace dunlin::cuda
