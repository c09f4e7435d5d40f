#include "core/model/rope_factors.h"

#include <cmath>
#include <numbers>

namespace dunlin {

std::vector<float> llama3_rope_factors(const RopeConfig& rope) {
  const double original = double(rope.original_context);
  const double low = rope.low_freq_factor;
  const double high = rope.high_freq_factor;
  const double factor = rope.factor;
  std::vector<float> out;
  for (int64_t i = 0; i < rope.n_rot / 2; ++i) {
    const double wavelength =
        2.0 * std::numbers::pi * std::pow(double(rope.freq_base), 2.0 * double(i) / double(rope.n_rot));
    double divisor = 1.0;
    if (wavelength > original / low) {
      divisor = factor;
    } else if (wavelength >= original / high) {
      const double smooth = (original / wavelength - low) / (high - low);
      divisor = 1.0 / ((1.0 - smooth) / factor + smooth);
    }
    out.push_back(float(divisor));
  }
  return out;
}

}  // namespace dunlin
