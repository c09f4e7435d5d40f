// Lanes (kernels/tiles.inl) of AVX2. maddubs adds two products in 16 bits and saturates; with |q_a| <= 127
// sums of 16 products of 4-bit weights (30480), 8 of 5-bit (31496), 4 of 6-bit (32004) and 2 of |8-bit|
// (32512) still fit, so that is how many are added before pmaddwd widens them. pmaddwd multiplies by the
// sub-block's scale on the way.
struct Lanes : Lanes256 {
  static constexpr bool kFreeStart = false;

  // Signed bytes: maddubs takes |w| and a with the sign of w.
  static Bytes load_biased(const uint8_t* p) {
    return _mm256_xor_si256(load(p), _mm256_set1_epi8(char(0x80)));
  }
  static Ints bias_start(int32_t) { return _mm256_setzero_si256(); }
  static Ints dot_pairs(Ints acc, Ints pairs, const int16_t* two) {
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, broadcast(load_dword(two))));
  }

  // acc + scale * (w . a), scale in both 16-bit halves of a lane.
  template <int kBits, int kVectors>
  static Ints scaled_dot(Ints acc, const Bytes* w, const int8_t* a, __m256i scale) {
    constexpr int kLimit = kBits <= 4 ? 8 : kBits == 5 ? 4 : kBits == 6 ? 2 : 1;
    constexpr int kStep = kLimit < kVectors ? kLimit : kVectors;
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; i += kStep) {
      __m256i words = products<kBits>(w[i], a + 4 * i);
#pragma GCC unroll 8
      for (int j = i + 1; j < i + kStep; ++j)
        words = _mm256_add_epi16(words, products<kBits>(w[j], a + 4 * j));
      acc = _mm256_add_epi32(acc, _mm256_madd_epi16(words, scale));
    }
    return acc;
  }
  template <int kBits, int kVectors>
  static Ints dot(Ints acc, const Bytes* w, const int8_t* a) {
    return scaled_dot<kBits, kVectors>(acc, w, a, _mm256_set1_epi16(1));
  }

  using Scale = __m256i;
  using Sum = Ints;
  static Scale to_scale(Ints x) {
    return pairs(x, x);
  }
  static Sum zero_sum() {
    return _mm256_setzero_si256();
  }
  template <int kBits, int kVectors>
  static Sum add_scaled(Sum sum, Ints, const Bytes* w, const int8_t* a, Scale scale) {
    return scaled_dot<kBits, kVectors>(sum, w, a, scale);
  }
  static Sum subtract_centers(Sum sum, Ints n) {
    return _mm256_sub_epi32(sum, _mm256_slli_epi32(n, 5));
  }
  static Floats sum_to_floats(Sum sum) {
    return to_floats(sum);
  }

 private:
  template <int kBits>
  static __m256i products(Bytes w, const int8_t* a) {
    const __m256i x = broadcast(load_dword(a));
    if constexpr (kBits == 8) return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
    return _mm256_maddubs_epi16(w, x);
  }
};
