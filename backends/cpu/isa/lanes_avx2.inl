// Lanes (kernels/tiles.inl) of AVX2. maddubs adds two products in 16 bits and saturates; with |q_a| <= 127
// sums of 16 products of 4-bit weights (30480), 8 of 5-bit (31496), 4 of 6-bit (32004) and 2 of |8-bit|
// (32512) still fit: kRun vectors. Then pmaddwd widens them, and multiplies by the sub-block's scale on the
// way.
struct Lanes : Lanes256 {
  static constexpr bool kFreeStart = false;
  static constexpr bool kTokenByToken = false;
  static constexpr bool kAnyTokens = true;
  static constexpr bool kTokenPairs = false;
  static constexpr int kPrefetchTokens = 7;

  static Bytes load_biased(const uint8_t* p) {
    return _mm256_xor_si256(load(p), _mm256_set1_epi8(char(0x80)));
  }
  static Ints bias_start(int32_t) { return _mm256_setzero_si256(); }
  static Ints dot_pairs(Ints acc, Ints pairs, const int16_t* two) {
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, broadcast(load_dword(two))));
  }

  // Dot products
  using Acc = __m256i;    // sums of 16 bits
  using Scale = __m256i;  // in both halves of a lane
  using Sum = Ints;
  template <int kBits>
  static constexpr int kRun = kBits <= 4   ? 8
                              : kBits == 5 ? 4
                              : kBits == 6 ? 2
                                           : 1;
  static Acc begin(Ints) { return _mm256_setzero_si256(); }
  template <int kBits>
  static Acc accumulate(Acc acc, Bytes w, const int8_t* a, int v) {
    const __m256i x = broadcast(load_dword(a + 4 * v));
    // Signed weights: |w|, and a with the sign of w.
    if constexpr (kBits == 8) return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
    return _mm256_add_epi16(acc, _mm256_maddubs_epi16(w, x));
  }
  static Ints end(Ints start, Acc acc) { return add_scaled(start, acc, _mm256_set1_epi16(1)); }
  static Scale to_scale(Ints x) { return pairs(x, x); }
  static Sum zero_sum() { return _mm256_setzero_si256(); }
  static Sum add_scaled(Sum sum, Acc acc, Scale scale) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(acc, scale));
  }
  static Sum subtract_centers(Sum sum, Ints n) { return _mm256_sub_epi32(sum, _mm256_slli_epi32(n, 5)); }
  static Floats sum_to_floats(Sum sum) { return to_floats(sum); }
};
