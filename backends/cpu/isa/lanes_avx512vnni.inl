// Lanes (kernels/tiles.inl) of AVX512-VNNI: 16 rows a register, one panel.
struct Lanes {
  static constexpr int kCount = 16;
  static constexpr bool kTokenByToken = false;
  static constexpr bool kUnpacksFirst = false;
  static constexpr bool kTokenPairs = false;
  static constexpr int kPrefetchTokens = 4;
  using Bytes = __m512i;
  using Ints = __m512i;
  using Floats = __m512;

  // Weights
  static Bytes load(const uint8_t* p) { return _mm512_loadu_si512(p); }
  static Bytes load_biased(const uint8_t* p) { return _mm512_loadu_si512(p); }
  template <int kFrom, int kTo, int kMask>
  static Bytes move_bits(Bytes x) {
    if constexpr (kFrom > kTo) x = _mm512_srli_epi16(x, kFrom - kTo);
    if constexpr (kFrom < kTo) x = _mm512_slli_epi16(x, kTo - kFrom);
    return _mm512_and_si512(x, _mm512_set1_epi8(char(kMask << kTo)));
  }
  static Bytes merge(Bytes a, Bytes b) { return _mm512_or_si512(a, b); }

  // Integers
  static Ints load_u8(const uint8_t* p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static Ints load_i8(const int8_t* p) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  template <int kFrom, int kTo, int kMask>
  static Ints field(Ints x) {
    if constexpr (kFrom > kTo) x = _mm512_srli_epi32(x, kFrom - kTo);
    if constexpr (kFrom < kTo) x = _mm512_slli_epi32(x, kTo - kFrom);
    return _mm512_and_si512(x, _mm512_set1_epi32(kMask << kTo));
  }
  static Ints either(Ints a, Ints b) { return _mm512_or_si512(a, b); }
  static Ints broadcast(int32_t x) { return _mm512_set1_epi32(x); }
  static Ints bias_start(int32_t x) { return _mm512_set1_epi32(x); }
  static Ints pairs(Ints even, Ints odd) {
    return _mm512_mask_blend_epi16(0xAAAAAAAAu, even, _mm512_slli_epi32(odd, 16));
  }
  static Ints dot_pairs(Ints acc, Ints pairs, const int16_t* two) {
    return _mm512_dpwssd_epi32(acc, pairs, _mm512_set1_epi32(load_dword(two)));
  }

  // Floats
  static Floats zero() { return _mm512_setzero_ps(); }
  static Floats splat(float x) { return _mm512_set1_ps(x); }
  static Floats load_f32(const float* p) { return _mm512_loadu_ps(p); }
  static Floats load_f16(const uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static Floats load_bf16(const uint16_t* p) {
    const __m512i x = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return _mm512_castsi512_ps(_mm512_slli_epi32(x, 16));
  }
  static void store_f32(float* p, Floats x) { _mm512_storeu_ps(p, x); }
  static Floats to_floats(Ints x) { return _mm512_cvtepi32_ps(x); }
  static Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
  static Floats sub(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
  static Floats mul(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  static Floats div(Floats a, Floats b) { return _mm512_div_ps(a, b); }
  static Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
  static Floats clamp(Floats x, float low, float high) {
    return _mm512_max_ps(_mm512_set1_ps(low), _mm512_min_ps(_mm512_set1_ps(high), x));
  }
  static Ints round(Floats x) { return _mm512_cvtps_epi32(x); }
  static Floats exp2(Ints n) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(n, _mm512_set1_epi32(127)), 23));
  }

  // Quantization
  static Ints max_magnitude(Ints acc, Floats x) {
    return _mm512_max_epi32(acc, _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7FFFFFFF)));
  }
  static int32_t reduce_max(Ints x) { return _mm512_reduce_max_epi32(x); }
  static void store_i8(int8_t* p, Ints x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(x));
  }
  static int32_t sum16(const int8_t* p) { return sum16_sad(p); }
  static int32_t center(const int8_t*, int32_t sum) { return -32 * sum; }

  // Dot products
  using Acc = Ints;
  using Scale = Floats;
  using Sum = Floats;
  template <int kBits>
  static constexpr int kRun = 8;
  static Acc begin(Ints start) { return start; }
  static Acc begin_from(Ints start) { return start; }
  template <int kBits>
  static Acc accumulate(Acc acc, Bytes w, const int8_t* a, int v) {
    return _mm512_dpbusd_epi32(acc, w, _mm512_set1_epi32(load_dword(a + 4 * v)));
  }
  static Ints end(Ints, Acc acc) { return acc; }
  static Scale to_scale(Ints x) { return to_floats(x); }
  static Sum zero_sum() { return zero(); }
  static Sum add_scaled(Sum sum, Acc acc, Scale scale) { return fma(to_floats(acc), scale, sum); }
  static Floats sum_to_floats(Sum sum) { return sum; }
};
