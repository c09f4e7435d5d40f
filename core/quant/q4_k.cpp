#include "core/quant/q4_k.h"

#include <cstring>

#include "core/base/half.h"
#include "core/quant/scale_min.h"

namespace dunlin {
namespace {

constexpr MinMaxSearch kSearch{15, -1.0f, 0.1f, 20, false};

}  // namespace

void dequantize_block(const BlockQ4_K& block, float* out) {
  const float d = f16_to_f32(block.d);
  const float dmin = f16_to_f32(block.dmin);
  for (int g = 0; g < kScaleMinGroups; ++g) {
    const ScaleMin packed = unpack_scale_min(block.scales, g);
    const float scale = d * float(packed.scale);
    const float min = dmin * float(packed.min);
    const uint8_t* qs = block.qs + 32 * (g / 2);
    for (int l = 0; l < 32; ++l) {
      const int code = g % 2 == 0 ? qs[l] & 15 : qs[l] >> 4;
      out[32 * g + l] = scale * float(code) - min;
    }
  }
}

void quantize_block(const float* x, BlockQ4_K& block) {
  const ScaleMinBlock fit = fit_scale_min_block(x, kSearch);
  block.d = fit.d;
  block.dmin = fit.dmin;
  std::memcpy(block.scales, fit.scales, sizeof block.scales);
  for (int c = 0; c < 4; ++c) {
    const uint8_t* codes = fit.codes + 64 * c;
    for (int l = 0; l < 32; ++l) block.qs[32 * c + l] = uint8_t(codes[l] | codes[l + 32] << 4);
  }
}

}  // namespace dunlin
