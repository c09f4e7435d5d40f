#include "core/quant/scale_min.h"

#include <algorithm>
#include <cmath>

#include "core/base/half.h"
#include "core/quant/rounding.h"

namespace dunlin {
namespace {

constexpr int kGroup = 32;
constexpr int kMaxSixBits = 63;

// Large elements count more, yet none counts nothing: w = sqrt(mean x^2) + |x|.
void magnitude_weights(std::span<const float> x, float* weights) {
  float sum = 0.0f;
  for (const float v : x) sum += v * v;
  const float mean = std::sqrt(sum / float(x.size()));
  for (size_t i = 0; i < x.size(); ++i) weights[i] = mean + std::fabs(x[i]);
}

uint8_t six_bits(float per_unit, float value) {
  return uint8_t(round_to_code(per_unit * value, 0, kMaxSixBits));
}

}  // namespace

void pack_scale_mins(const ScaleMin (&groups)[kScaleMinGroups], uint8_t (&packed)[kScaleMinBytes]) {
  for (int j = 0; j < 4; ++j) {
    const ScaleMin& first = groups[j];
    const ScaleMin& second = groups[j + 4];
    packed[j] = uint8_t(first.scale | (second.scale >> 4) << 6);
    packed[j + 4] = uint8_t(first.min | (second.min >> 4) << 6);
    packed[j + 8] = uint8_t((second.scale & 15) | (second.min & 15) << 4);
  }
}

ScaleMinBlock fit_scale_min_block(const float* x, const MinMaxSearch& search) {
  // 1. Every group by itself.
  ScaleMinBlock out;
  MinMaxFit fits[kScaleMinGroups];
  float max_scale = 0.0f, max_min = 0.0f;
  for (int j = 0; j < kScaleMinGroups; ++j) {
    const std::span<const float> group(x + kGroup * j, kGroup);
    float weights[kGroup];
    magnitude_weights(group, weights);
    fits[j] = fit_minmax(group, weights, search, out.codes + kGroup * j);
    max_scale = std::max(max_scale, fits[j].scale);
    max_min = std::max(max_min, fits[j].min);
  }

  // 2. The scales and mins in units of the largest.
  const float per_scale = max_scale > 0.0f ? float(kMaxSixBits) / max_scale : 0.0f;
  const float per_min = max_min > 0.0f ? float(kMaxSixBits) / max_min : 0.0f;
  ScaleMin groups[kScaleMinGroups];
  for (int j = 0; j < kScaleMinGroups; ++j) {
    groups[j] = {six_bits(per_scale, fits[j].scale), six_bits(per_min, fits[j].min)};
  }
  pack_scale_mins(groups, out.scales);
  out.d = f32_to_f16(max_scale / float(kMaxSixBits));
  out.dmin = f32_to_f16(max_min / float(kMaxSixBits));

  // 3. The codes once more, from the rounded scales. A group without a scale keeps its codes.
  for (int j = 0; j < kScaleMinGroups; ++j) {
    const float step = f16_to_f32(out.d) * groups[j].scale;
    if (step == 0.0f) continue;
    const float min = f16_to_f32(out.dmin) * groups[j].min;
    for (int e = kGroup * j; e < kGroup * (j + 1); ++e) {
      out.codes[e] = uint8_t(round_to_code((x[e] + min) / step, 0, search.n_max));
    }
  }
  return out;
}

}  // namespace dunlin
