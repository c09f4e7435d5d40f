// What the 256-bit lanes share: 8 rows a register, half a panel.
struct Lanes256 {
  static constexpr int kCount = 8;
  using Bytes = __m256i;
  using Ints = __m256i;
  using Floats = __m256;

  // Weights
  static Bytes load(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  template <int kFrom, int kTo, int kMask>
  static Bytes move_bits(Bytes x) {
    if constexpr (kFrom > kTo) x = _mm256_srli_epi16(x, kFrom - kTo);
    if constexpr (kFrom < kTo) x = _mm256_slli_epi16(x, kTo - kFrom);
    return _mm256_and_si256(x, _mm256_set1_epi8(char(kMask << kTo)));
  }
  static Bytes merge(Bytes a, Bytes b) { return _mm256_or_si256(a, b); }

  // Integers
  static Ints load_u8(const uint8_t* p) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  static Ints load_i8(const int8_t* p) {
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  template <int kFrom, int kTo, int kMask>
  static Ints field(Ints x) {
    if constexpr (kFrom > kTo) x = _mm256_srli_epi32(x, kFrom - kTo);
    if constexpr (kFrom < kTo) x = _mm256_slli_epi32(x, kTo - kFrom);
    return _mm256_and_si256(x, _mm256_set1_epi32(kMask << kTo));
  }
  static Ints either(Ints a, Ints b) { return _mm256_or_si256(a, b); }
  static Ints broadcast(int32_t x) { return _mm256_set1_epi32(x); }
  static Ints pairs(Ints even, Ints odd) {
    return _mm256_blend_epi16(even, _mm256_slli_epi32(odd, 16), 0xAA);
  }

  // Floats
  static Floats zero() { return _mm256_setzero_ps(); }
  static Floats splat(float x) { return _mm256_set1_ps(x); }
  static Floats load_f32(const float* p) { return _mm256_loadu_ps(p); }
  static Floats load_f16(const uint16_t* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static Floats load_bf16(const uint16_t* p) {
    const __m256i x = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(x, 16));
  }
  static void store_f32(float* p, Floats x) { _mm256_storeu_ps(p, x); }
  static Floats to_floats(Ints x) { return _mm256_cvtepi32_ps(x); }
  static Floats add(Floats a, Floats b) { return _mm256_add_ps(a, b); }
  static Floats sub(Floats a, Floats b) { return _mm256_sub_ps(a, b); }
  static Floats mul(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
  static Floats div(Floats a, Floats b) { return _mm256_div_ps(a, b); }
  static Floats fma(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
  static Floats clamp(Floats x, float low, float high) {
    return _mm256_max_ps(_mm256_set1_ps(low), _mm256_min_ps(_mm256_set1_ps(high), x));
  }
  static Ints round(Floats x) { return _mm256_cvtps_epi32(x); }
  static Floats exp2(Ints n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
  }

  // Quantization
  static Ints max_magnitude(Ints acc, Floats x) {
    return _mm256_max_epi32(acc, _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x7FFFFFFF)));
  }
  static int32_t reduce_max(Ints x) {
    __m128i m = _mm_max_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4E));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xB1));
    return _mm_cvtsi128_si32(m);
  }
  static void store_i8(int8_t* p, Ints x) {
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(words, words));
  }
  static int32_t sum16(const int8_t* p) { return sum16_sad(p); }
};
