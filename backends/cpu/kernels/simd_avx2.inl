// Vectors of the AVX2 and AVX-VNNI units: eight lanes. The other simd_*.inl files offer the same names.

constexpr int kLanes = 8;
constexpr int kRegisters = 16;
constexpr int kTileRegisters = 12;         // accumulators of an f32 tile
constexpr int kDotTileRegisters = 8;       // accumulators of an int8 tile
constexpr int kWeightedTileRegisters = 8;  // and of one of weighted int8 values
constexpr int kMaxRows = 6;                // rows of a tile

using F32 = __m256;
using I32 = __m256i;

inline F32 set1(float x) {
  return _mm256_set1_ps(x);
}
inline F32 load(const float* p) {
  return _mm256_loadu_ps(p);
}
inline void store(float* p, F32 v) {
  _mm256_storeu_ps(p, v);
}

// The lanes below n, all others false.
inline __m256i lane_mask(int64_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < kLanes ? int(n) : kLanes), lane);
}

// Reads min(n, kLanes) floats and no byte beyond; the other lanes are zero. n may be negative.
inline F32 load_n(const float* p, int64_t n) {
  return _mm256_maskload_ps(p, lane_mask(n));
}
inline void store_n(float* p, F32 v, int64_t n) {
  _mm256_maskstore_ps(p, lane_mask(n), v);
}

inline F32 fma(F32 a, F32 b, F32 c) {
  return _mm256_fmadd_ps(a, b, c);
}
// Both return b if one is NaN.
inline F32 vmax(F32 a, F32 b) {
  return _mm256_max_ps(a, b);
}
inline F32 vmin(F32 a, F32 b) {
  return _mm256_min_ps(a, b);
}
inline F32 vabs(F32 a) {
  return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
// 0 where x < limit, else v.
inline F32 zero_if_less(F32 x, F32 limit, F32 v) {
  return _mm256_andnot_ps(_mm256_cmp_ps(x, limit, _CMP_LT_OQ), v);
}
inline float first_lane(F32 v) {
  return _mm256_cvtss_f32(v);
}

// Bit i: a[i] == b[i].
inline uint32_t equal_bits(F32 a, F32 b) {
  return uint32_t(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_EQ_OQ)));
}

// v in the lanes begin <= i < end, other elsewhere; the bounds may lie outside the vector.
inline F32 keep_lanes(F32 v, int begin, int end, F32 other) {
  const __m256i keep = _mm256_andnot_si256(lane_mask(begin), lane_mask(end));
  return _mm256_blendv_ps(other, v, _mm256_castsi256_ps(keep));
}

inline float reduce_add(F32 v) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

inline float reduce_max(F32 v) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

inline F32 round_nearest(F32 x) {
  return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

// x * 2^n for integer-valued n in -126..128, in two steps because 2^128 is no float.
inline F32 scale_pow2(F32 x, F32 n) {
  const __m256i integer = _mm256_cvtps_epi32(n);
  const __m256i half = _mm256_srai_epi32(integer, 1);
  const __m256i bias = _mm256_set1_epi32(127);
  const __m256i low = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
  const __m256i high = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(integer, half), bias), 23);
  return x * _mm256_castsi256_ps(low) * _mm256_castsi256_ps(high);
}

inline F32 load_f16(const uint16_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline void store_f16(uint16_t* p, F32 v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

// kLanes codes as values / kE4m3Unit: as halves, the word of which is the code, sign-extended, seven bits
// higher and without one of its two signs. NaN, which no cache holds, becomes 480 / kE4m3Unit.
inline F32 load_e4m3(const uint8_t* p) {
  const __m128i words = _mm_cvtepi8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  return _mm256_cvtph_ps(_mm_and_si128(_mm_slli_epi16(words, 7), _mm_set1_epi16(kE4m3HalfMask)));
}

inline I32 set1_i32(int32_t x) {
  return _mm256_set1_epi32(x);
}
inline F32 to_f32(I32 v) {
  return _mm256_cvtepi32_ps(v);
}

// add_dot4: sum[lane] + the dot product of four key bytes (stored as q + kKvKeyBias) and four signed query
// bytes. With kDotBias b the result is too large by b * (sum of the query bytes); callers start from minus
// that.
#if defined(__AVXVNNI__)
constexpr int kDotBias = kKvKeyBias;
using KeyBytes = __m256i;
inline KeyBytes load_keys(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline I32 add_dot4(I32 sum, KeyBytes keys, uint32_t query) {
  return _mm256_dpbusd_avx_epi32(sum, keys, _mm256_set1_epi32(int(query)));
}
#else
// |key| x query with the key's sign: 2 * 127 * 127 fits the 16 bits of maddubs.
constexpr int kDotBias = 0;
struct KeyBytes {
  __m256i key;
  __m256i magnitude;
};
inline KeyBytes load_keys(const uint8_t* p) {
  const __m256i biased = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const __m256i key = _mm256_xor_si256(biased, _mm256_set1_epi8(-128));
  return {key, _mm256_abs_epi8(key)};
}
inline I32 add_dot4(I32 sum, KeyBytes keys, uint32_t query) {
  const __m256i signed_query = _mm256_sign_epi8(_mm256_set1_epi32(int(query)), keys.key);
  const __m256i pairs = _mm256_maddubs_epi16(keys.magnitude, signed_query);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
#endif

// Q8_0 values of kLanes dimensions and four tokens, 4 * kLanes bytes, as 16-bit words: the tokens 0 and 2 of
// every dimension, and 1 and 3.
struct ValueQuads {
  __m256i even;
  __m256i odd;
};
using WeightedSum = I32;

inline ValueQuads load_value_quads(const int8_t* p) {
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8), _mm256_srai_epi16(bytes, 8)};
}
// sum[lane] + the dot product of the lane's four values and of four weights, as store_weights left them.
inline WeightedSum add_weighted4(WeightedSum sum, const ValueQuads& values, const uint32_t* weights) {
  const __m256i even = _mm256_set1_epi32(int(weights[0]));
  const __m256i odd = _mm256_set1_epi32(int(weights[1]));
#if defined(__AVXVNNI__)
  return _mm256_dpwssd_avx_epi32(_mm256_dpwssd_avx_epi32(sum, values.even, even), values.odd, odd);
#else
  sum = _mm256_add_epi32(sum, _mm256_madd_epi16(values.even, even));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(values.odd, odd));
#endif
}
inline I32 total(WeightedSum sum) {
  return sum;
}
// The weights of 2 * kLanes tokens, floats in 0 .. kWeightPeak, rounded to 16 bits: two dwords for four
// tokens.
inline void store_weights(uint32_t* out, F32 first, F32 second) {
  const __m256i packed = _mm256_packs_epi32(_mm256_cvtps_epi32(first), _mm256_cvtps_epi32(second));
  const __m256i tokens = _mm256_permute4x64_epi64(packed, 0xD8);
  const __m256i order = _mm256_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15,  //
                                         0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_shuffle_epi8(tokens, order));
}
