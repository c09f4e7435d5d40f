// Symmetric int8 quantization of up to kKvScaleDims values, for Q8_0 keys, values and the queries that meet
// them.

inline float max_abs(const float* x, int n) {
  F32 largest = set1(0.0f);
  for (int i = 0; i < n; i += kLanes) largest = vmax(vabs(load_n(x + i, n - i)), largest);
  return reduce_max(largest);
}

// q[i] = round(x[i] * inverse), clamped to -127..127; n <= kKvScaleDims.
inline void quantize_dims(const float* x, int n, float inverse, int8_t* q) {
  float rounded[kKvScaleDims];
  for (int i = 0; i < n; i += kLanes) {
    const F32 scaled = load_n(x + i, n - i) * set1(inverse);
    // The operand order turns NaN into 127, so that the conversion below is defined.
    const F32 clamped = vmax(set1(-127.0f), vmin(scaled, set1(127.0f)));
    store_n(rounded + i, round_nearest(clamped), n - i);
  }
  for (int i = 0; i < n; ++i) q[i] = int8_t(rounded[i]);
}
