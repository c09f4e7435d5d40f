#include "core/quant/q4_1.h"

#include "core/base/half.h"
#include "core/quant/codes32.h"
#include "core/quant/fit.h"
#include "core/quant/rounding.h"

namespace dunlin {

void dequantize_block(const BlockQ4_1& block, float* out) {
  const float d = f16_to_f32(block.d);
  const float m = f16_to_f32(block.m);
  uint8_t codes[kCodes32];
  unpack_nibbles(block.qs, codes);
  for (int e = 0; e < kCodes32; ++e) out[e] = float(codes[e]) * d + m;
}

void quantize_block(const float* x, BlockQ4_1& block) {
  const auto [least, greatest] = value_range({x, kCodes32});
  const float d = (greatest - least) / 15.0f;
  const float inverse = d != 0.0f ? 1.0f / d : 0.0f;
  uint8_t codes[kCodes32];
  for (int e = 0; e < kCodes32; ++e) codes[e] = truncate_to_code((x[e] - least) * inverse + 0.5f, 15);
  block.d = f32_to_f16(d);
  block.m = f32_to_f16(least);
  pack_nibbles(codes, block.qs);
}

}  // namespace dunlin
