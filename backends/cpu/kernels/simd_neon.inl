// Vectors of the NEON units: four lanes. See simd_avx2.inl for what each function means.

constexpr int kLanes = 4;
constexpr int kRegisters = 32;
// 6 rows x 4 vectors: 24 accumulators, 4 columns and a value, with 10 loads for 24 multiply-adds.
constexpr int kTileRegisters = 24;
constexpr int kDotTileRegisters = 24;
constexpr int kWeightedTileRegisters = 12;  // of two registers each
constexpr int kMaxRows = 6;

using F32 = float32x4_t;
using I32 = int32x4_t;

inline F32 set1(float x) {
  return vdupq_n_f32(x);
}
inline F32 load(const float* p) {
  return vld1q_f32(p);
}
inline void store(float* p, F32 v) {
  vst1q_f32(p, v);
}

inline F32 load_n(const float* p, int64_t n) {
  if (n >= kLanes) return vld1q_f32(p);
  F32 v = vdupq_n_f32(0.0f);
  if (n > 0) v = vld1q_lane_f32(p, v, 0);
  if (n > 1) v = vld1q_lane_f32(p + 1, v, 1);
  if (n > 2) v = vld1q_lane_f32(p + 2, v, 2);
  return v;
}
inline void store_n(float* p, F32 v, int64_t n) {
  if (n >= kLanes) {
    vst1q_f32(p, v);
    return;
  }
  if (n > 0) vst1q_lane_f32(p, v, 0);
  if (n > 1) vst1q_lane_f32(p + 1, v, 1);
  if (n > 2) vst1q_lane_f32(p + 2, v, 2);
}

inline F32 fma(F32 a, F32 b, F32 c) {
  return vfmaq_f32(c, a, b);
}
// fmax and fmin would return the NaN, whichever operand it is.
inline F32 vmax(F32 a, F32 b) {
  return vbslq_f32(vcgtq_f32(a, b), a, b);
}
inline F32 vmin(F32 a, F32 b) {
  return vbslq_f32(vcltq_f32(a, b), a, b);
}
inline F32 vabs(F32 a) {
  return vabsq_f32(a);
}
inline F32 zero_if_less(F32 x, F32 limit, F32 v) {
  return vbslq_f32(vcltq_f32(x, limit), vdupq_n_f32(0.0f), v);
}
inline float first_lane(F32 v) {
  return vgetq_lane_f32(v, 0);
}

inline uint32_t equal_bits(F32 a, F32 b) {
  constexpr uint32_t kBits[kLanes] = {1, 2, 4, 8};
  return vaddvq_u32(vandq_u32(vceqq_f32(a, b), vld1q_u32(kBits)));
}

inline F32 keep_lanes(F32 v, int begin, int end, F32 other) {
  constexpr int32_t kLaneIndices[kLanes] = {0, 1, 2, 3};
  const int32x4_t lane = vld1q_s32(kLaneIndices);
  const uint32x4_t keep = vandq_u32(vcgeq_s32(lane, vdupq_n_s32(begin)), vcltq_s32(lane, vdupq_n_s32(end)));
  return vbslq_f32(keep, v, other);
}

inline float reduce_add(F32 v) {
  return vaddvq_f32(v);
}
inline float reduce_max(F32 v) {
  return vmaxvq_f32(v);
}

inline F32 round_nearest(F32 x) {
  return vrndnq_f32(x);
}
inline F32 scale_pow2(F32 x, F32 n) {
  const int32x4_t integer = vcvtq_s32_f32(n);
  const int32x4_t half = vshrq_n_s32(integer, 1);
  const int32x4_t bias = vdupq_n_s32(127);
  const int32x4_t low = vshlq_n_s32(vaddq_s32(half, bias), 23);
  const int32x4_t high = vshlq_n_s32(vaddq_s32(vsubq_s32(integer, half), bias), 23);
  return x * vreinterpretq_f32_s32(low) * vreinterpretq_f32_s32(high);
}

inline F32 load_f16(const uint16_t* p) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}
inline void store_f16(uint16_t* p, F32 v) {
  vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v)));
}

inline F32 load_e4m3(const uint8_t* p) {
  uint32_t codes;
  __builtin_memcpy(&codes, p, sizeof codes);
  const int16x4_t words = vget_low_s16(vmovl_s8(vcreate_s8(codes)));
  return vcvt_f32_f16(vreinterpret_f16_s16(vand_s16(vshl_n_s16(words, 7), vdup_n_s16(kE4m3HalfMask))));
}

inline I32 set1_i32(int32_t x) {
  return vdupq_n_s32(x);
}
inline F32 to_f32(I32 v) {
  return vcvtq_f32_s32(v);
}

// sdot multiplies signed bytes, so the keys lose their bias.
constexpr int kDotBias = 0;
using KeyBytes = int8x16_t;
inline KeyBytes load_keys(const uint8_t* p) {
  return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(p), vdupq_n_u8(kKvKeyBias)));
}
inline I32 add_dot4(I32 sum, KeyBytes keys, uint32_t query) {
  return vdotq_s32(sum, keys, vreinterpretq_s8_u32(vdupq_n_u32(query)));
}

// sdot multiplies bytes: a weight is 256 * high + low, both signed.
using ValueQuads = int8x16_t;
struct WeightedSum {
  int32x4_t high;
  int32x4_t low;
};

inline ValueQuads load_value_quads(const int8_t* p) {
  return vld1q_s8(p);
}
inline WeightedSum add_weighted4(WeightedSum sum, const ValueQuads& values, const uint32_t* weights) {
  const int8x8_t bytes = vreinterpret_s8_u32(vld1_u32(weights));
  return {vdotq_lane_s32(sum.high, values, bytes, 0), vdotq_lane_s32(sum.low, values, bytes, 1)};
}
inline I32 total(WeightedSum sum) {
  return vaddq_s32(vshlq_n_s32(sum.high, 8), sum.low);
}
inline void store_weights(uint32_t* out, F32 first, F32 second) {
  const int16x8_t words = vcombine_s16(vmovn_s32(vcvtnq_s32_f32(first)), vmovn_s32(vcvtnq_s32_f32(second)));
  // Rounding makes up for the sign of the low byte.
  const int32x2_t high = vreinterpret_s32_s8(vrshrn_n_s16(words, 8));
  const int32x2_t low = vreinterpret_s32_s8(vmovn_s16(words));
  vst1q_u32(out, vreinterpretq_u32_s32(vcombine_s32(vzip1_s32(high, low), vzip2_s32(high, low))));
}
