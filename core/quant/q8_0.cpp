#include "core/quant/q8_0.h"

#include <cmath>

#include "core/base/half.h"
#include "core/quant/fit.h"
#include "core/quant/rounding.h"

namespace dunlin {

void dequantize_block(const BlockQ8_0& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int e = 0; e < BlockQ8_0::kElements; ++e) out[e] = float(block.qs[e]) * d;
}

void quantize_block(const float* x, BlockQ8_0& block) {
  const float d = std::fabs(signed_peak({x, BlockQ8_0::kElements})) / 127.0f;
  const float inverse = d != 0.0f ? 1.0f / d : 0.0f;
  block.d = f32_to_f16(d);
  for (int e = 0; e < BlockQ8_0::kElements; ++e) {
    // Half away from zero, unlike the K types.
    const float rounded = std::round(x[e] * inverse);
    const uint8_t magnitude = truncate_to_code(std::fabs(rounded), 127);
    block.qs[e] = int8_t(rounded < 0.0f ? -magnitude : magnitude);
  }
}

}  // namespace dunlin
