// What happens to a tile's results (LinearEpilogue). Rows past n, which only pad the last panel, are never
// stored.

// One vector of rows of one token.
template <class V>
struct RowStore {
  int64_t row;  // of the first lane
  int64_t n;    // rows of the matrix

  bool whole() const { return row + V::kCount <= n; }
  int64_t count() const { return row >= n ? 0 : whole() ? V::kCount : n - row; }

  typename V::Floats load(const float* p) const {
    if (whole()) return V::load_f32(p + row);
    float lanes[V::kCount] = {};
    for (int64_t i = 0; i < count(); ++i) lanes[i] = p[row + i];
    return V::load_f32(lanes);
  }
  void store(float* p, typename V::Floats x) const {
    if (whole()) return V::store_f32(p + row, x);
    float lanes[V::kCount];
    V::store_f32(lanes, x);
    for (int64_t i = 0; i < count(); ++i) p[row + i] = lanes[i];
  }
};

template <class V>
void finish_linear(const LinearEpilogue& e, const RowStore<V>& rows, int64_t token, typename V::Floats y) {
  float* out = e.out + token * e.out_stride;
  if (e.bias != nullptr) y = V::add(y, rows.load(e.bias));
  if (e.accumulate) y = V::add(rows.load(out), y);
  rows.store(out, y);
}

// exp(x) for |x| <= 87: 2^n e^r, |r| <= ln(2) / 2, e^r by its Taylor polynomial of degree 7 (relative error
// below 1e-8); ln(2) in two parts so that n ln(2) is exact.
template <class V>
typename V::Floats exp_within_range(typename V::Floats x) {
  const auto n = V::round(V::mul(x, V::splat(1.44269504f)));
  const auto n_f = V::to_floats(n);
  auto r = V::fma(n_f, V::splat(-0.693359375f), x);
  r = V::fma(n_f, V::splat(2.12194440e-4f), r);
  auto p = V::splat(1.0f / 5040.0f);
  p = V::fma(p, r, V::splat(1.0f / 720.0f));
  p = V::fma(p, r, V::splat(1.0f / 120.0f));
  p = V::fma(p, r, V::splat(1.0f / 24.0f));
  p = V::fma(p, r, V::splat(1.0f / 6.0f));
  p = V::fma(p, r, V::splat(0.5f));
  p = V::fma(p, r, V::splat(1.0f));
  p = V::fma(p, r, V::splat(1.0f));
  return V::mul(p, V::exp2(n));
}

// silu(g) = g / (1 + exp(-g)); gelu_tanh(g) = g / (1 + exp(-2 u)), u = sqrt(2 / pi) (g + 0.044715 g^3).
template <class V>
void finish_glu(const LinearEpilogue& e, const RowStore<V>& rows, int64_t token, typename V::Floats gate,
                typename V::Floats up) {
  auto z = gate;
  if (e.activation == GluActivation::kGeluTanh) {
    const auto cubic = V::fma(V::mul(gate, gate), V::splat(0.044715f), V::splat(1.0f));
    z = V::mul(V::mul(V::splat(1.5957691216057308f), gate), cubic);
  }
  const auto minus_z = V::clamp(V::mul(z, V::splat(-1.0f)), -87.0f, 87.0f);
  const auto sigmoid_inverse = V::add(V::splat(1.0f), exp_within_range<V>(minus_z));
  rows.store(e.out + token * e.out_stride, V::mul(V::div(gate, sigmoid_inverse), up));
}
