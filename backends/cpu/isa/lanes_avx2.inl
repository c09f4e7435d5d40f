// Lanes (kernels/tiles.inl) of AVX2. maddubs adds two products in 16 bits and saturates; with |q_a| <= 127
// sums of 16 products of 4-bit weights (30480), 8 of 5-bit (31496) and 2 of |8-bit| (32512) still fit, and 8
// of 6-bit weights less their center (32 * 127 * 8 = 32512), which may wrap on the way: kRun vectors. Then
// pmaddwd widens them, and multiplies by the sub-block's scale on the way.
struct Lanes : Lanes256 {
  static constexpr bool kTokenByToken = false;
  static constexpr bool kUnpacksFirst = true;
  static constexpr bool kTokenPairs = false;
  static constexpr int kPrefetchTokens = 7;

  static Bytes load_biased(const uint8_t* p) {
    return _mm256_xor_si256(load(p), _mm256_set1_epi8(char(0x80)));
  }
  static Ints bias_start(int32_t) { return _mm256_setzero_si256(); }
  static Ints dot_pairs(Ints acc, Ints pairs, const int16_t* two) {
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, broadcast(load_dword(two))));
  }

  // Quantization
  static int32_t center(const int8_t* q, int32_t) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(q));
    __m128i sums = _mm_maddubs_epi16(_mm_set1_epi8(1), x);
    sums = _mm_add_epi16(sums, _mm_shuffle_epi32(sums, 0x4E));
    sums = _mm_add_epi16(sums, _mm_shuffle_epi32(sums, 0xB1));
    return _mm_cvtsi128_si32(_mm_sub_epi16(_mm_setzero_si128(), _mm_slli_epi16(sums, 5)));
  }

  // Dot products
  using Acc = __m256i;    // sums of 16 bits
  using Scale = __m256i;  // in both halves of a lane
  using Sum = Ints;
  template <int kBits>
  static constexpr int kRun = kBits <= 4   ? 8
                              : kBits <= 6 ? 4
                                           : 1;
  static Acc begin(Ints) { return _mm256_setzero_si256(); }
  static Acc begin_from(Ints start) { return start; }
  template <int kBits>
  static Acc accumulate(Acc acc, Bytes w, const int8_t* a, int v) {
    const __m256i x = broadcast(load_dword(a + 4 * v));
    // Signed weights: |w|, and a with the sign of w.
    if constexpr (kBits == 8) return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
    acc = _mm256_add_epi16(acc, _mm256_maddubs_epi16(w, x));
    asm("" : "+x"(acc));  // in this order: the compiler would keep the products and add them at the end
    return acc;
  }
  static Ints end(Ints start, Acc acc) { return add_scaled(start, acc, _mm256_set1_epi16(1)); }
  static Scale to_scale(Ints x) { return pairs(x, x); }
  static Sum zero_sum() { return _mm256_setzero_si256(); }
  static Sum add_scaled(Sum sum, Acc acc, Scale scale) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(acc, scale));
  }
  static Floats sum_to_floats(Sum sum) { return to_floats(sum); }
};
