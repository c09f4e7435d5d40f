// Rotary embedding, neox pairs: (a, b) = (x[i], x[i + n_rot/2]) becomes (a cos - b sin, a sin + b cos).

void rope(float* x, int64_t head_stride, int64_t n_heads, int64_t n_rot, const float* cos, const float* sin) {
  const int64_t half = n_rot / 2;
  for (int64_t head = 0; head < n_heads; ++head, x += head_stride) {
    for (int64_t i = 0; i < half; i += kLanes) {
      const int64_t n = half - i;
      const F32 a = load_n(x + i, n);
      const F32 b = load_n(x + half + i, n);
      const F32 c = load_n(cos + i, n);
      const F32 s = load_n(sin + i, n);
      store_n(x + i, a * c - b * s, n);
      store_n(x + half + i, a * s + b * c, n);
    }
  }
}
