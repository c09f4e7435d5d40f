// exp and tanh of a vector.
//
// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2, with ln 2 in two parts so that n * ln2_high is
// exact. exp(r) = 1 + r + r^2 g(r); g is the degree 4 minimax polynomial for the relative error of
// exp, 3.1e-9 before rounding. With rounding exp is within 2 ulp. Below -87.33 the result would be subnormal
// and is 0.

constexpr float kExpUnderflow = -87.33654f;  // ln of the smallest normal float
constexpr float kExpOverflow = 89.0f;        // anything from 88.73 on gives infinity

inline F32 exp_f32(F32 x) {
  constexpr float kLog2E = 1.44269504089f;
  constexpr float kLn2High = 0.693359375f;  // 10 significant bits
  constexpr float kLn2Low = -2.12194440e-4f;
  // The operand order keeps NaN.
  const F32 clamped = vmax(set1(kExpUnderflow), vmin(set1(kExpOverflow), x));
  const F32 n = round_nearest(clamped * set1(kLog2E));
  const F32 r = fma(n, set1(-kLn2Low), fma(n, set1(-kLn2High), clamped));
  F32 g = set1(0x1.6a2352p-10f);
  g = fma(g, r, set1(0x1.123a6cp-7f));
  g = fma(g, r, set1(0x1.5558f4p-5f));
  g = fma(g, r, set1(0x1.555490p-3f));
  g = fma(g, r, set1(0x1.fffffcp-2f));
  const F32 result = scale_pow2(fma(g, r * r, r) + set1(1.0f), n);
  return zero_if_less(x, set1(kExpUnderflow), result);
}

inline float exp_scalar(float x) {
  return first_lane(exp_f32(set1(x)));
}

// Absolute error below 3e-7.
inline F32 tanh_f32(F32 x) {
  return set1(1.0f) - set1(2.0f) / (exp_f32(x + x) + set1(1.0f));
}
