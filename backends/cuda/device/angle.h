// The angle of a rotation. A product of f32 is off by 2^-24 of itself, which at position 131071 is 0.008: it
// is made and reduced in f64, and what is left of a turn needs no more than f32.
#pragma once

#include <cmath>
#include <cstdint>

#include "backends/cuda/formats/host_device.h"

namespace dunlin::cuda {

// position * inv_freq in half turns, -1..1.
DUNLIN_HD float half_turns(int32_t position, float inv_freq) {
  constexpr double kTurnsOfRadian = 0.15915494309189535;  // 1 / (2 pi)
  const double turns = double(position) * (double(inv_freq) * kTurnsOfRadian);
  return float(2.0 * (turns - rint(turns)));
}

}  // namespace dunlin::cuda
