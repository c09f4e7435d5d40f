// Vectors of the AVX512-VNNI unit: sixteen lanes. See simd_avx2.inl for what each function means.

constexpr int kLanes = 16;
constexpr int kRegisters = 32;
constexpr int kTileRegisters = 24;
constexpr int kDotTileRegisters = 16;
constexpr int kWeightedTileRegisters = 16;
constexpr int kMaxRows = 8;

using F32 = __m512;
using I32 = __m512i;

inline F32 set1(float x) {
  return _mm512_set1_ps(x);
}
inline F32 load(const float* p) {
  return _mm512_loadu_ps(p);
}
inline void store(float* p, F32 v) {
  _mm512_storeu_ps(p, v);
}

inline __mmask16 lane_mask(int64_t n) {
  return __mmask16(n >= kLanes ? 0xFFFFu : n <= 0 ? 0u : (1u << n) - 1u);
}

inline F32 load_n(const float* p, int64_t n) {
  return _mm512_maskz_loadu_ps(lane_mask(n), p);
}
inline void store_n(float* p, F32 v, int64_t n) {
  _mm512_mask_storeu_ps(p, lane_mask(n), v);
}

inline F32 fma(F32 a, F32 b, F32 c) {
  return _mm512_fmadd_ps(a, b, c);
}
inline F32 vmax(F32 a, F32 b) {
  return _mm512_max_ps(a, b);
}
inline F32 vmin(F32 a, F32 b) {
  return _mm512_min_ps(a, b);
}
inline F32 vabs(F32 a) {
  return _mm512_abs_ps(a);
}
inline F32 zero_if_less(F32 x, F32 limit, F32 v) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, limit, _CMP_NLT_UQ), v);
}
inline float first_lane(F32 v) {
  return _mm512_cvtss_f32(v);
}
inline uint32_t equal_bits(F32 a, F32 b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}

inline F32 keep_lanes(F32 v, int begin, int end, F32 other) {
  return _mm512_mask_mov_ps(other, __mmask16(lane_mask(end) & ~lane_mask(begin)), v);
}

inline float reduce_add(F32 v) {
  return _mm512_reduce_add_ps(v);
}
inline float reduce_max(F32 v) {
  return _mm512_reduce_max_ps(v);
}

inline F32 round_nearest(F32 x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline F32 scale_pow2(F32 x, F32 n) {
  return _mm512_scalef_ps(x, n);
}

inline F32 load_f16(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline void store_f16(uint16_t* p, F32 v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

inline F32 load_e4m3(const uint8_t* p) {
  const __m256i words = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return _mm512_cvtph_ps(_mm256_and_si256(_mm256_slli_epi16(words, 7), _mm256_set1_epi16(kE4m3HalfMask)));
}

constexpr int kDotBias = kKvKeyBias;
using KeyBytes = __m512i;
inline I32 set1_i32(int32_t x) {
  return _mm512_set1_epi32(x);
}
inline F32 to_f32(I32 v) {
  return _mm512_cvtepi32_ps(v);
}
inline KeyBytes load_keys(const uint8_t* p) {
  return _mm512_loadu_si512(p);
}
inline I32 add_dot4(I32 sum, KeyBytes keys, uint32_t query) {
  return _mm512_dpbusd_epi32(sum, keys, _mm512_set1_epi32(int(query)));
}

struct ValueQuads {
  __m512i even;
  __m512i odd;
};
using WeightedSum = I32;

inline ValueQuads load_value_quads(const int8_t* p) {
  const __m512i bytes = _mm512_loadu_si512(p);
  return {_mm512_srai_epi16(_mm512_slli_epi16(bytes, 8), 8), _mm512_srai_epi16(bytes, 8)};
}
inline WeightedSum add_weighted4(WeightedSum sum, const ValueQuads& values, const uint32_t* weights) {
  sum = _mm512_dpwssd_epi32(sum, values.even, _mm512_set1_epi32(int(weights[0])));
  return _mm512_dpwssd_epi32(sum, values.odd, _mm512_set1_epi32(int(weights[1])));
}
inline I32 total(WeightedSum sum) {
  return sum;
}
inline void store_weights(uint32_t* out, F32 first, F32 second) {
  // Word 2 i of the first vector is token i, word 32 + 2 i of the second is token 16 + i.
  const __m512i order = _mm512_set_epi16(62, 58, 60, 56, 54, 50, 52, 48, 46, 42, 44, 40, 38, 34, 36, 32,  //
                                         30, 26, 28, 24, 22, 18, 20, 16, 14, 10, 12, 8, 6, 2, 4, 0);
  _mm512_storeu_si512(
      out, _mm512_permutex2var_epi16(_mm512_cvtps_epi32(first), order, _mm512_cvtps_epi32(second)));
}
