// Element-wise kernels. A tail computes with the same vector operations as the body, so an element's result
// does not depend on its place.

template <class Op>
inline void map1(const float* x, float* out, int64_t n, Op op) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(out + i, op(load(x + i)));
  if (i < n) store_n(out + i, op(load_n(x + i, n - i)), n - i);
}

template <class Op>
inline void map2(const float* x, const float* y, float* out, int64_t n, Op op) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(out + i, op(load(x + i), load(y + i)));
  if (i < n) store_n(out + i, op(load_n(x + i, n - i), load_n(y + i, n - i)), n - i);
}

void add(const float* x, const float* y, float* out, int64_t n) {
  map2(x, y, out, n, [](F32 a, F32 b) { return a + b; });
}

void scale(const float* x, float factor, float* out, int64_t n) {
  map1(x, out, n, [factor](F32 a) { return a * set1(factor); });
}

void silu_mul(const float* gate, const float* up, float* out, int64_t n) {
  map2(gate, up, out, n, [](F32 g, F32 u) { return g / (set1(1.0f) + exp_f32(-g)) * u; });
}

// gelu(x) = x / 2 * (1 + tanh(t)) = x / (1 + exp(-2 t)), t = sqrt(2 / pi) * (x + 0.044715 x^3).
void gelu_tanh_mul(const float* gate, const float* up, float* out, int64_t n) {
  map2(gate, up, out, n, [](F32 g, F32 u) {
    constexpr float kMinusTwoSqrt2OverPi = -1.5957691216f;
    const F32 t = set1(kMinusTwoSqrt2OverPi) * (g + set1(0.044715f) * g * g * g);
    return g / (set1(1.0f) + exp_f32(t)) * u;
  });
}

void exp_all(const float* x, float* out, int64_t n) {
  map1(x, out, n, [](F32 a) { return exp_f32(a); });
}
