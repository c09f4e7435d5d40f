// Lanes (kernels/tiles.inl) of NEON with dot products, and with 8-bit matrix products: two registers of 4
// rows x 4 K, half a panel. sdot takes its 4 rows x 4 K from a quarter of a P16 vector as it lies, so panels
// of 8 rows would only be another order of the same loads, and all instruction sets share one packed form.
//
// A tile has 8 rows x 8 tokens; 16 x 4 would have as many products, but twice as many weights to unpack for
// them. Token by token, 32 K of the weights take 16 of the 32 registers, and nothing but the sums spills.
//
// sdot multiplies signed bytes. Weights of up to 6 bits are small enough as they are; Q8_0 loses its bias.
struct Lanes {
  static constexpr int kCount = 8;
  static constexpr bool kTokenByToken = true;
  static constexpr bool kUnpacksFirst = false;
  static constexpr int kPrefetchTokens = 9;
#if defined(__ARM_FEATURE_MATMUL_INT8)
  static constexpr bool kTokenPairs = true;
#else
  static constexpr bool kTokenPairs = false;
#endif
  // Structs of our own: GCC keeps them in registers, and its int32x4x2_t and the like not always.
  struct Bytes {
    uint8x16_t rows0_3, rows4_7;
  };
  struct Ints {
    int32x4_t rows0_3, rows4_7;
  };
  struct Floats {
    float32x4_t rows0_3, rows4_7;
  };

  // Weights
  static DUNLIN_INLINE Bytes load(const uint8_t* p) {
    return {vld1q_u8(p), vld1q_u8(p + 16)};
  }
  template <int kFrom, int kTo, int kMask>
  static DUNLIN_INLINE Bytes move_bits(Bytes x) {
    return {move_bits_16<kFrom, kTo, kMask>(x.rows0_3), move_bits_16<kFrom, kTo, kMask>(x.rows4_7)};
  }
  static DUNLIN_INLINE Bytes merge(Bytes a, Bytes b) {
    return {vorrq_u8(a.rows0_3, b.rows0_3), vorrq_u8(a.rows4_7, b.rows4_7)};
  }

  // Integers
  static DUNLIN_INLINE Ints load_u8(const uint8_t* p) {
    const uint16x8_t x = vmovl_u8(vld1_u8(p));
    return {vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(x))), vreinterpretq_s32_u32(vmovl_high_u16(x))};
  }
  static DUNLIN_INLINE Ints load_i8(const int8_t* p) {
    const int16x8_t x = vmovl_s8(vld1_s8(p));
    return {vmovl_s16(vget_low_s16(x)), vmovl_high_s16(x)};
  }
  template <int kFrom, int kTo, int kMask>
  static DUNLIN_INLINE Ints field(Ints x) {
    return {field_4<kFrom, kTo, kMask>(x.rows0_3), field_4<kFrom, kTo, kMask>(x.rows4_7)};
  }
  static DUNLIN_INLINE Ints either(Ints a, Ints b) {
    return {vorrq_s32(a.rows0_3, b.rows0_3), vorrq_s32(a.rows4_7, b.rows4_7)};
  }
  static DUNLIN_INLINE Ints broadcast(int32_t x) {
    return {vdupq_n_s32(x), vdupq_n_s32(x)};
  }
  // A row's two values as i16, even first.
  static DUNLIN_INLINE Ints pairs(Ints even, Ints odd) {
    return {vsliq_n_s32(even.rows0_3, odd.rows0_3, 16), vsliq_n_s32(even.rows4_7, odd.rows4_7, 16)};
  }
  static DUNLIN_INLINE Ints dot_pairs(Ints acc, Ints pairs, const int16_t* two) {
    return {dot_pairs_4(acc.rows0_3, pairs.rows0_3, two), dot_pairs_4(acc.rows4_7, pairs.rows4_7, two)};
  }

  // Floats
  static DUNLIN_INLINE Floats zero() {
    return splat(0.0f);
  }
  static DUNLIN_INLINE Floats splat(float x) {
    return {vdupq_n_f32(x), vdupq_n_f32(x)};
  }
  static DUNLIN_INLINE Floats load_f32(const float* p) {
    return {vld1q_f32(p), vld1q_f32(p + 4)};
  }
  static DUNLIN_INLINE Floats load_f16(const uint16_t* p) {
    const float16x8_t x = vreinterpretq_f16_u16(vld1q_u16(p));
    return {vcvt_f32_f16(vget_low_f16(x)), vcvt_high_f32_f16(x)};
  }
  static DUNLIN_INLINE Floats load_bf16(const uint16_t* p) {
    const uint16x8_t x = vld1q_u16(p);
    return {vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(x), 16)),
            vreinterpretq_f32_u32(vshll_high_n_u16(x, 16))};
  }
  static DUNLIN_INLINE void store_f32(float* p, Floats x) {
    vst1q_f32(p, x.rows0_3);
    vst1q_f32(p + 4, x.rows4_7);
  }
  static DUNLIN_INLINE Floats to_floats(Ints x) {
    return {vcvtq_f32_s32(x.rows0_3), vcvtq_f32_s32(x.rows4_7)};
  }
  static DUNLIN_INLINE Floats add(Floats a, Floats b) {
    return {vaddq_f32(a.rows0_3, b.rows0_3), vaddq_f32(a.rows4_7, b.rows4_7)};
  }
  static DUNLIN_INLINE Floats sub(Floats a, Floats b) {
    return {vsubq_f32(a.rows0_3, b.rows0_3), vsubq_f32(a.rows4_7, b.rows4_7)};
  }
  static DUNLIN_INLINE Floats mul(Floats a, Floats b) {
    return {vmulq_f32(a.rows0_3, b.rows0_3), vmulq_f32(a.rows4_7, b.rows4_7)};
  }
  static DUNLIN_INLINE Floats div(Floats a, Floats b) {
    return {vdivq_f32(a.rows0_3, b.rows0_3), vdivq_f32(a.rows4_7, b.rows4_7)};
  }
  static DUNLIN_INLINE Floats fma(Floats a, Floats b, Floats c) {
    return {vfmaq_f32(c.rows0_3, a.rows0_3, b.rows0_3), vfmaq_f32(c.rows4_7, a.rows4_7, b.rows4_7)};
  }
  static DUNLIN_INLINE Floats clamp(Floats x, float low, float high) {
    return {clamp_4(x.rows0_3, low, high), clamp_4(x.rows4_7, low, high)};
  }
  static DUNLIN_INLINE Ints round(Floats x) {
    return {vcvtnq_s32_f32(x.rows0_3), vcvtnq_s32_f32(x.rows4_7)};
  }
  static DUNLIN_INLINE Floats exp2(Ints n) {
    return {exp2_4(n.rows0_3), exp2_4(n.rows4_7)};
  }

  // Quantization
  static DUNLIN_INLINE Ints max_magnitude(Ints acc, Floats x) {
    return {vmaxq_s32(acc.rows0_3, magnitude_4(x.rows0_3)), vmaxq_s32(acc.rows4_7, magnitude_4(x.rows4_7))};
  }
  static DUNLIN_INLINE int32_t reduce_max(Ints x) {
    return vmaxvq_s32(vmaxq_s32(x.rows0_3, x.rows4_7));
  }
  static DUNLIN_INLINE void store_i8(int8_t* p, Ints x) {
    vst1_s8(p, vqmovn_s16(vcombine_s16(vqmovn_s32(x.rows0_3), vqmovn_s32(x.rows4_7))));
  }
  static DUNLIN_INLINE int32_t sum16(const int8_t* p) {
    return vaddlvq_s8(vld1q_s8(p));
  }
  static DUNLIN_INLINE int32_t center(const int8_t*, int32_t sum) {
    return -32 * sum;
  }

  // Dot products. |S| of a block stays below 2^28, so the sum is an integer: one multiply-add instead of a
  // conversion and a fused one.
  using Acc = Ints;
  using Scale = Ints;
  using Sum = Ints;
  template <int kBits>
  static constexpr int kRun = 8;
  static DUNLIN_INLINE Acc begin(Ints start) {
    return start;
  }
  static DUNLIN_INLINE Acc begin_from(Ints start) {
    return start;
  }
  // One load brings the activations of four calls, and each takes its lane: a broadcast of four bytes from
  // memory would take a slot of the units that multiply.
  template <int kBits>
  static DUNLIN_INLINE Acc accumulate(Acc acc, Bytes w, const int8_t* a, int v) {
    const int8x16_t four = vld1q_s8(a + v / 4 * 16);
    return {dot_lane(acc.rows0_3, w.rows0_3, four, v % 4), dot_lane(acc.rows4_7, w.rows4_7, four, v % 4)};
  }
  static DUNLIN_INLINE Ints end(Ints, Acc acc) {
    return acc;
  }
  static DUNLIN_INLINE Scale to_scale(Ints x) {
    return x;
  }
  static DUNLIN_INLINE Sum zero_sum() {
    return broadcast(0);
  }
  static DUNLIN_INLINE Sum add_scaled(Sum sum, Acc acc, Scale scale) {
    return {vmlaq_s32(sum.rows0_3, acc.rows0_3, scale.rows0_3),
            vmlaq_s32(sum.rows4_7, acc.rows4_7, scale.rows4_7)};
  }
  static DUNLIN_INLINE Floats sum_to_floats(Sum sum) {
    return to_floats(sum);
  }

  static DUNLIN_INLINE Bytes load_biased(const uint8_t* p) {
    const Bytes x = load(p);
    return {veorq_u8(x.rows0_3, vdupq_n_u8(0x80)), veorq_u8(x.rows4_7, vdupq_n_u8(0x80))};
  }
  static DUNLIN_INLINE Ints bias_start(int32_t) {
    return broadcast(0);
  }

#if defined(__ARM_FEATURE_MATMUL_INT8)
  // Pairs of tokens. smmla multiplies 2 rows x 8 K by 8 K x 2 tokens; a register of four results is {row 0,
  // token 0}, {row 0, token 1}, {row 1, token 0}, {row 1, token 1}.
  struct EightK {
    int8x16_t rows0_1, rows2_3, rows4_5, rows6_7;
  };
  struct Pairs {
    int32x4_t rows0_1, rows2_3, rows4_5, rows6_7;
  };
  static DUNLIN_INLINE EightK join(Bytes even, Bytes odd) {
    const int32x4_t even0 = vreinterpretq_s32_u8(even.rows0_3), odd0 = vreinterpretq_s32_u8(odd.rows0_3);
    const int32x4_t even4 = vreinterpretq_s32_u8(even.rows4_7), odd4 = vreinterpretq_s32_u8(odd.rows4_7);
    return {vreinterpretq_s8_s32(vzip1q_s32(even0, odd0)), vreinterpretq_s8_s32(vzip2q_s32(even0, odd0)),
            vreinterpretq_s8_s32(vzip1q_s32(even4, odd4)), vreinterpretq_s8_s32(vzip2q_s32(even4, odd4))};
  }
  static DUNLIN_INLINE Pairs pair_up(Ints first, Ints second) {
    return {vzip1q_s32(first.rows0_3, second.rows0_3), vzip2q_s32(first.rows0_3, second.rows0_3),
            vzip1q_s32(first.rows4_7, second.rows4_7), vzip2q_s32(first.rows4_7, second.rows4_7)};
  }
  static DUNLIN_INLINE Ints first(Pairs x) {
    return {vuzp1q_s32(x.rows0_1, x.rows2_3), vuzp1q_s32(x.rows4_5, x.rows6_7)};
  }
  static DUNLIN_INLINE Ints second(Pairs x) {
    return {vuzp2q_s32(x.rows0_1, x.rows2_3), vuzp2q_s32(x.rows4_5, x.rows6_7)};
  }
  static DUNLIN_INLINE Pairs accumulate_pairs(Pairs acc, EightK w, const int8_t* first,
                                              const int8_t* second) {
    const int8x16_t a = vcombine_s8(vld1_s8(first), vld1_s8(second));
    return {vmmlaq_s32(acc.rows0_1, w.rows0_1, a), vmmlaq_s32(acc.rows2_3, w.rows2_3, a),
            vmmlaq_s32(acc.rows4_5, w.rows4_5, a), vmmlaq_s32(acc.rows6_7, w.rows6_7, a)};
  }
  static DUNLIN_INLINE Pairs add_scaled_pairs(Pairs sum, Pairs acc, Pairs scale) {
    return {vmlaq_s32(sum.rows0_1, acc.rows0_1, scale.rows0_1),
            vmlaq_s32(sum.rows2_3, acc.rows2_3, scale.rows2_3),
            vmlaq_s32(sum.rows4_5, acc.rows4_5, scale.rows4_5),
            vmlaq_s32(sum.rows6_7, acc.rows6_7, scale.rows6_7)};
  }
#endif

 private:
  template <int kFrom, int kTo, int kMask>
  static DUNLIN_INLINE uint8x16_t move_bits_16(uint8x16_t x) {
    if constexpr (kFrom > kTo) x = vshrq_n_u8(x, kFrom - kTo);
    if constexpr (kFrom < kTo) x = vshlq_n_u8(x, kTo - kFrom);
    constexpr int kShifted = kFrom > kTo ? 0xFF >> (kFrom - kTo) : 0xFF << (kTo - kFrom) & 0xFF;
    if constexpr (kShifted != kMask << kTo) x = vandq_u8(x, vdupq_n_u8(kMask << kTo));
    return x;
  }
  template <int kFrom, int kTo, int kMask>
  static DUNLIN_INLINE int32x4_t field_4(int32x4_t x) {
    if constexpr (kFrom > kTo) x = vshrq_n_s32(x, kFrom - kTo);
    if constexpr (kFrom < kTo) x = vshlq_n_s32(x, kTo - kFrom);
    return vandq_s32(x, vdupq_n_s32(kMask << kTo));
  }
  static DUNLIN_INLINE int32x4_t dot_pairs_4(int32x4_t acc, int32x4_t pairs, const int16_t* two) {
    const int16x4_t even = vmovn_s32(pairs);
    const int16x4_t odd = vshrn_n_s32(pairs, 16);
    int32_t both;
    __builtin_memcpy(&both, two, sizeof both);
    const int16x4_t factors = vreinterpret_s16_s32(vdup_n_s32(both));
    return vmlal_lane_s16(vmlal_lane_s16(acc, even, factors, 0), odd, factors, 1);
  }
  static DUNLIN_INLINE float32x4_t clamp_4(float32x4_t x, float low, float high) {
    return vmaxq_f32(vdupq_n_f32(low), vminq_f32(vdupq_n_f32(high), x));
  }
  static DUNLIN_INLINE float32x4_t exp2_4(int32x4_t n) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
  }
  static DUNLIN_INLINE int32x4_t magnitude_4(float32x4_t x) {
    return vreinterpretq_s32_f32(vabsq_f32(x));
  }
  // The instruction holds the lane; loops over v are unrolled, so that one case is left.
  static DUNLIN_INLINE int32x4_t dot_lane(int32x4_t acc, uint8x16_t w, int8x16_t four, int lane) {
    const int8x16_t x = vreinterpretq_s8_u8(w);
    switch (lane) {
      case 0:
        return vdotq_laneq_s32(acc, x, four, 0);
      case 1:
        return vdotq_laneq_s32(acc, x, four, 1);
      case 2:
        return vdotq_laneq_s32(acc, x, four, 2);
      default:
        return vdotq_laneq_s32(acc, x, four, 3);
    }
  }
};
