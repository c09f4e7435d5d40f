#include "core/quant/q4_0.h"

#include "core/base/half.h"
#include "core/quant/codes32.h"
#include "core/quant/fit.h"
#include "core/quant/rounding.h"

namespace dunlin {

void dequantize_block(const BlockQ4_0& block, float* out) {
  const float d = f16_to_f32(block.d);
  uint8_t codes[kCodes32];
  unpack_nibbles(block.qs, codes);
  for (int e = 0; e < kCodes32; ++e) out[e] = float(codes[e] - 8) * d;
}

void quantize_block(const float* x, BlockQ4_0& block) {
  const float d = signed_peak({x, kCodes32}) / -8.0f;
  const float inverse = d != 0.0f ? 1.0f / d : 0.0f;
  uint8_t codes[kCodes32];
  for (int e = 0; e < kCodes32; ++e) codes[e] = truncate_to_code(x[e] * inverse + 8.5f, 15);
  block.d = f32_to_f16(d);
  pack_nibbles(codes, block.qs);
}

}  // namespace dunlin
