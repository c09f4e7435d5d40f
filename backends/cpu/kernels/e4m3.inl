// FP8 E4M3 codes of a head's values, and their scale: core/device/kv_fp8.h.

using Bits = uint32_t __attribute__((vector_size(sizeof(F32))));
using Codes = uint8_t __attribute__((vector_size(kLanes)));

// f32_to_e4m3() of core/base/e4m3.h, lane by lane, for -448 .. 448. A value is rounded by the one of two
// additions that its size calls for: below 2^-6 codes are steps of 2^-9, those of floats from 2^14 on.
inline Codes e4m3_codes(F32 x) {
  constexpr float kStepsOf2Pow9 = 16384.0f;
  const F32 magnitude = vabs(x);
  const Bits bits = Bits(magnitude);
  const Bits steps = Bits(magnitude + set1(kStepsOf2Pow9)) - Bits(set1(kStepsOf2Pow9));
  const Bits rounded = ((bits + 0x7FFFFu + ((bits >> 20) & 1u)) >> 20) - (120u << 3);
  const Bits least_normal = Bits(set1(0x1p-6f));
  const Bits code = bits < least_normal ? steps : rounded;
  return __builtin_convertvector(code | ((Bits(x) >> 24) & 0x80u), Codes);
}

// codes[0 .. padded): of x[0 .. n), then zeros; padded is a multiple of 16. Returns the scale.
inline uint16_t convert_fp8(const float* x, int n, int padded, uint8_t* codes) {
  const float peak = max_abs(x, n);
  uint32_t bits;
  __builtin_memcpy(&bits, &peak, sizeof bits);
  const int32_t exponent = fp8_scale_exponent(bits);
  const uint32_t inverse_bits = fp8_scale_float(-exponent);
  float inverse;
  __builtin_memcpy(&inverse, &inverse_bits, sizeof inverse);
  for (int i = 0; i < padded; i += kLanes) {
    // The operand order turns NaN into 448.
    const F32 scaled = load_n(x + i, n - i) * set1(inverse);
    const F32 clamped = vmax(set1(-kFp8Largest), vmin(scaled, set1(kFp8Largest)));
    const Codes now = e4m3_codes(clamped);
    __builtin_memcpy(codes + i, &now, sizeof now);
  }
  return fp8_scale_half(exponent);
}
