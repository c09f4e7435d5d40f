// Vectors of the portable unit: four lanes of the compiler's vector extension, which is SSE2 or NEON where
// the target has it and scalar code elsewhere. See simd_avx2.inl for what each function means.

constexpr int kLanes = 4;
constexpr int kRegisters = 16;
constexpr int kTileRegisters = 12;
constexpr int kDotTileRegisters = 8;
constexpr int kWeightedTileRegisters = 8;
constexpr int kMaxRows = 4;

typedef float F32 __attribute__((vector_size(16)));
typedef int32_t I32 __attribute__((vector_size(16)));
typedef uint32_t U32 __attribute__((vector_size(16)));

inline F32 set1(float x) {
  return F32{x, x, x, x};
}

inline F32 load(const float* p) {
  F32 v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

inline void store(float* p, F32 v) {
  __builtin_memcpy(p, &v, sizeof v);
}

inline F32 load_n(const float* p, int64_t n) {
  F32 v = {};
  for (int i = 0; i < kLanes && i < n; ++i) v[i] = p[i];
  return v;
}

inline void store_n(float* p, F32 v, int64_t n) {
  for (int i = 0; i < kLanes && i < n; ++i) p[i] = v[i];
}

inline F32 fma(F32 a, F32 b, F32 c) {
  return a * b + c;
}
inline F32 vmax(F32 a, F32 b) {
  return a > b ? a : b;
}
inline F32 vmin(F32 a, F32 b) {
  return a < b ? a : b;
}
inline F32 vabs(F32 a) {
  return F32(U32(a) & 0x7FFFFFFFu);
}
inline F32 zero_if_less(F32 x, F32 limit, F32 v) {
  return x < limit ? F32{} : v;
}
inline float first_lane(F32 v) {
  return v[0];
}

inline uint32_t equal_bits(F32 a, F32 b) {
  uint32_t bits = 0;
  for (int i = 0; i < kLanes; ++i) bits |= uint32_t(a[i] == b[i]) << i;
  return bits;
}

inline F32 keep_lanes(F32 v, int begin, int end, F32 other) {
  const I32 lane = {0, 1, 2, 3};
  return (lane >= begin) & (lane < end) ? v : other;
}

inline float reduce_add(F32 v) {
  return (v[0] + v[2]) + (v[1] + v[3]);
}

inline float reduce_max(F32 v) {
  float m = v[0];
  for (int i = 1; i < kLanes; ++i) m = v[i] > m ? v[i] : m;
  return m;
}

// Adding 1.5 * 2^23 leaves the rounded integer in the low mantissa bits.
constexpr float kRoundingBias = 12582912.0f;
inline F32 round_nearest(F32 x) {
  return (x + kRoundingBias) - kRoundingBias;
}

inline F32 scale_pow2(F32 x, F32 n) {
  const I32 integer = I32(n + kRoundingBias) - I32(set1(kRoundingBias));
  const I32 half = integer >> 1;
  const F32 low = F32(U32(half + 127) << 23);
  const F32 high = F32(U32(integer - half + 127) << 23);
  return x * low * high;
}

inline F32 load_f16(const uint16_t* p) {
  F32 v;
  for (int i = 0; i < kLanes; ++i) v[i] = f16_to_f32(p[i]);
  return v;
}

inline void store_f16(uint16_t* p, F32 v) {
  for (int i = 0; i < kLanes; ++i) p[i] = f32_to_f16(v[i]);
}

inline F32 load_e4m3(const uint8_t* p) {
  F32 v;
  for (int i = 0; i < kLanes; ++i) v[i] = f16_to_f32(uint16_t(int8_t(p[i]) * 128) & uint16_t(kE4m3HalfMask));
  return v;
}

constexpr int kDotBias = 0;
struct KeyBytes {
  int8_t bytes[4 * kLanes];
};

inline I32 set1_i32(int32_t x) {
  return I32{x, x, x, x};
}
inline F32 to_f32(I32 v) {
  return __builtin_convertvector(v, F32);
}

inline KeyBytes load_keys(const uint8_t* p) {
  KeyBytes keys;
  for (int i = 0; i < 4 * kLanes; ++i) keys.bytes[i] = int8_t(p[i] - kKvKeyBias);
  return keys;
}

inline I32 add_dot4(I32 sum, KeyBytes keys, uint32_t query) {
  int8_t q[4];
  __builtin_memcpy(q, &query, 4);
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int i = 0; i < 4; ++i) sum[lane] += keys.bytes[4 * lane + i] * q[i];
  }
  return sum;
}

struct ValueQuads {
  int8_t bytes[4 * kLanes];
};
using WeightedSum = I32;

inline ValueQuads load_value_quads(const int8_t* p) {
  ValueQuads values;
  __builtin_memcpy(values.bytes, p, sizeof values.bytes);
  return values;
}
inline WeightedSum add_weighted4(WeightedSum sum, const ValueQuads& values, const uint32_t* weights) {
  int16_t w[4];
  __builtin_memcpy(w, weights, sizeof w);
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int i = 0; i < 4; ++i) sum[lane] += values.bytes[4 * lane + i] * w[i];
  }
  return sum;
}
inline I32 total(WeightedSum sum) {
  return sum;
}
inline void store_weights(uint32_t* out, F32 first, F32 second) {
  int16_t words[2 * kLanes];
  for (int i = 0; i < kLanes; ++i) {
    // The comparisons turn NaN into 0, so that the conversion is defined.
    words[i] = int16_t(round_nearest(set1(first[i] > 0.0f ? first[i] : 0.0f))[0]);
    words[kLanes + i] = int16_t(round_nearest(set1(second[i] > 0.0f ? second[i] : 0.0f))[0]);
  }
  __builtin_memcpy(out, words, sizeof words);
}
