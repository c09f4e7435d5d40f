#include "core/quant/q5_k.h"

#include <cstring>

#include "core/base/half.h"
#include "core/quant/scale_min.h"

namespace dunlin {
namespace {

constexpr MinMaxSearch kSearch{31, -0.5f, 0.1f, 15, false};

}  // namespace

void dequantize_block(const BlockQ5_K& block, float* out) {
  const float d = f16_to_f32(block.d);
  const float dmin = f16_to_f32(block.dmin);
  for (int g = 0; g < kScaleMinGroups; ++g) {
    const ScaleMin packed = unpack_scale_min(block.scales, g);
    const float scale = d * float(packed.scale);
    const float min = dmin * float(packed.min);
    const uint8_t* qs = block.qs + 32 * (g / 2);
    for (int l = 0; l < 32; ++l) {
      const int low = g % 2 == 0 ? qs[l] & 15 : qs[l] >> 4;
      const int high = block.qh[l] >> g & 1;
      out[32 * g + l] = scale * float(low | high << 4) - min;
    }
  }
}

void quantize_block(const float* x, BlockQ5_K& block) {
  const ScaleMinBlock fit = fit_scale_min_block(x, kSearch);
  block = {};
  block.d = fit.d;
  block.dmin = fit.dmin;
  std::memcpy(block.scales, fit.scales, sizeof block.scales);
  for (int e = 0; e < BlockQ5_K::kElements; ++e) {
    const int group = e / 32;
    block.qs[32 * (group / 2) + e % 32] |= uint8_t((fit.codes[e] & 15) << (group % 2 * 4));
    block.qh[e % 32] |= uint8_t((fit.codes[e] >> 4) << group);
  }
}

}  // namespace dunlin
