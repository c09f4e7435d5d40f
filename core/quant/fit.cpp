#include "core/quant/fit.h"

#include <algorithm>
#include <cmath>

#include "core/base/check.h"
#include "core/quant/rounding.h"

namespace dunlin {
namespace {

// The order of the products in these sums is part of the format: w * x * q and w * q * x differ in the last
// bit.

float affine_error(std::span<const float> x, std::span<const float> weights, const uint8_t* codes,
                   float scale, float low, bool absolute) {
  float error = 0.0f;
  for (size_t i = 0; i < x.size(); ++i) {
    const float difference = scale * codes[i] + low - x[i];
    error += weights[i] * (absolute ? std::fabs(difference) : difference * difference);
  }
  return error;
}

struct Line {
  float scale = 0.0f;
  float low = 0.0f;
  bool valid = false;
};

// The weighted least-squares line x ~ scale * code + low, low <= 0. sum_w and sum_wx are constants of the
// group.
Line fit_line(std::span<const float> x, std::span<const float> weights, const uint8_t* codes, float sum_w,
              float sum_wx) {
  float sum_q = 0.0f, sum_qq = 0.0f, sum_qx = 0.0f;
  for (size_t i = 0; i < x.size(); ++i) {
    const float w = weights[i];
    const float q = codes[i];
    sum_q += w * q;
    sum_qq += w * q * q;
    sum_qx += w * q * x[i];
  }
  const float determinant = sum_w * sum_qq - sum_q * sum_q;
  if (!(determinant > 0.0f)) return {};
  const float scale = (sum_w * sum_qx - sum_wx * sum_q) / determinant;
  const float low = (sum_qq * sum_wx - sum_q * sum_qx) / determinant;
  if (low > 0.0f) return {sum_qx / sum_qq, 0.0f, true};
  return {scale, low, true};
}

void round_affine(std::span<const float> x, float inverse_step, float low, int n_max, uint8_t* codes) {
  for (size_t i = 0; i < x.size(); ++i) {
    codes[i] = uint8_t(round_to_code(inverse_step * (x[i] - low), 0, n_max));
  }
}

// Sums of a symmetric fit x ~ scale * q with weights x^2: scale = dot / norm, error falls as dot^2 / norm
// grows.
struct SymSums {
  float dot = 0.0f;
  float norm = 0.0f;

  void add(float x, int q) {
    const float w = x * x;
    dot += w * x * float(q);
    norm += w * float(q) * float(q);
  }
  void remove(float x, int q) {
    const float w = x * x;
    dot -= w * x * float(q);
    norm -= w * float(q) * float(q);
  }
};

SymSums sym_sums(std::span<const float> x, float inverse_scale, int n_max) {
  SymSums sums;
  for (const float v : x) sums.add(v, round_to_code(inverse_scale * v, -n_max, n_max - 1));
  return sums;
}

}  // namespace

float signed_peak(std::span<const float> x) {
  float magnitude = 0.0f, peak = 0.0f;
  for (const float v : x) {
    if (std::fabs(v) > magnitude) {
      magnitude = std::fabs(v);
      peak = v;
    }
  }
  return peak;
}

ValueRange value_range(std::span<const float> x) {
  ValueRange range{x[0], x[0]};
  for (const float v : x) {
    if (v < range.least) range.least = v;
    if (v > range.greatest) range.greatest = v;
  }
  return range;
}

MinMaxFit fit_minmax(std::span<const float> x, std::span<const float> weights, const MinMaxSearch& search,
                     uint8_t* codes) {
  DUNLIN_CHECK(!x.empty() && x.size() <= size_t(kMaxGroup) && weights.size() == x.size());
  const auto [least, greatest] = value_range(x);
  float low = std::min(least, 0.0f);
  if (low == greatest) {
    std::fill_n(codes, x.size(), uint8_t(0));
    return {0.0f, -low};
  }
  float sum_w = 0.0f, sum_wx = 0.0f;
  for (size_t i = 0; i < x.size(); ++i) {
    sum_w += weights[i];
    sum_wx += weights[i] * x[i];
  }

  const float first_inverse = float(search.n_max) / (greatest - low);
  float scale = 1.0f / first_inverse;
  round_affine(x, first_inverse, low, search.n_max, codes);
  float best = affine_error(x, weights, codes, scale, low, search.absolute_error);

  for (int step = 0; step <= search.last_step; ++step) {
    uint8_t candidate[kMaxGroup];
    const float inverse =
        (search.r_min + search.r_delta * float(step) + float(search.n_max)) / (greatest - low);
    round_affine(x, inverse, low, search.n_max, candidate);
    const Line line = fit_line(x, weights, candidate, sum_w, sum_wx);
    if (!line.valid) continue;
    const float error = affine_error(x, weights, candidate, line.scale, line.low, search.absolute_error);
    if (error < best) {
      best = error;
      scale = line.scale;
      low = line.low;  // later candidates start from here
      std::copy_n(candidate, x.size(), codes);
    }
  }
  return {scale, -low};
}

float fit_sym(std::span<const float> x, int n_max, uint8_t* codes) {
  const float peak = signed_peak(x);
  if (std::fabs(peak) < kZeroGroup) {
    std::fill_n(codes, x.size(), uint8_t(0));
    return 0.0f;
  }
  float best_inverse = -float(n_max) / peak;
  SymSums sums = sym_sums(x, best_inverse, n_max);
  float scale = sums.norm != 0.0f ? sums.dot / sums.norm : 0.0f;
  float best = scale * sums.dot;
  for (int step = -9; step <= 9; ++step) {
    if (step == 0) continue;
    const float inverse = -(float(n_max) + 0.1f * float(step)) / peak;
    sums = sym_sums(x, inverse, n_max);
    if (sums.norm > 0.0f && sums.dot * sums.dot > best * sums.norm) {
      best_inverse = inverse;
      scale = sums.dot / sums.norm;
      best = scale * sums.dot;
    }
  }
  for (size_t i = 0; i < x.size(); ++i) {
    codes[i] = uint8_t(round_to_code(best_inverse * x[i], -n_max, n_max - 1) + n_max);
  }
  return scale;
}

float fit_q3(std::span<const float> x, uint8_t* codes) {
  constexpr int kLowest = -4, kHighest = 3, kMaxSweeps = 5;
  DUNLIN_CHECK(x.size() <= size_t(kMaxGroup));
  const float peak = signed_peak(x);
  if (std::fabs(peak) < kZeroGroup) {
    std::fill_n(codes, x.size(), uint8_t(0));
    return 0.0f;
  }
  int q[kMaxGroup];
  SymSums sums;
  for (size_t i = 0; i < x.size(); ++i) {
    q[i] = round_to_code(float(kLowest) / peak * x[i], kLowest, kHighest);
    sums.add(x[i], q[i]);
  }
  bool changed = true;
  for (int sweep = 0; sweep < kMaxSweeps && changed; ++sweep) {
    changed = false;
    for (size_t i = 0; i < x.size(); ++i) {
      SymSums trial = sums;
      trial.remove(x[i], q[i]);
      if (!(trial.dot > 0.0f)) continue;
      const int better = round_to_code(x[i] * trial.norm / trial.dot, kLowest, kHighest);
      if (better == q[i]) continue;
      trial.add(x[i], better);
      if (trial.norm > 0.0f && trial.dot * trial.dot * sums.norm > sums.dot * sums.dot * trial.norm) {
        q[i] = better;
        sums = trial;
        changed = true;
      }
    }
  }
  for (size_t i = 0; i < x.size(); ++i) codes[i] = uint8_t(q[i] - kLowest);
  return sums.norm > 0.0f ? sums.dot / sums.norm : 0.0f;
}

}  // namespace dunlin
