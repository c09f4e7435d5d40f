// RMS norm: out = x / sqrt(mean(x^2) + eps) * weight. The sum of squares runs in four vectors of f32 and is
// added up in a fixed order: ((0 + 1) + (2 + 3)), then across the lanes.

inline float sum_of_squares(const float* x, int64_t n) {
  F32 sums[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int j = 0; j < 4; ++j) {
      const F32 v = load(x + i + j * kLanes);
      sums[j] = fma(v, v, sums[j]);
    }
  }
  for (int j = 0; i < n; i += kLanes, ++j) {
    const F32 v = load_n(x + i, n - i);
    sums[j] = fma(v, v, sums[j]);
  }
  return reduce_add((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

void rms_norm(const float* x, int64_t x_stride, const float* weight, float eps, float* out,
              int64_t out_stride, int64_t n_rows, int64_t n) {
  for (int64_t row = 0; row < n_rows; ++row, x += x_stride, out += out_stride) {
    const F32 factor = set1(1.0f / __builtin_sqrtf(sum_of_squares(x, n) / float(n) + eps));
    map2(x, weight, out, n, [factor](F32 a, F32 w) { return a * factor * w; });
  }
}
