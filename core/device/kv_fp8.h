// What an FP8 KV cache keeps of a head's values of one token: E4M3 codes and the power of two that they are
// multiplied by, the least that leaves no value above 448. A power of two, because then scaling rounds
// nothing: what a cache holds is exactly a half, and a key or a value is off by E4M3's own rounding only.
//
//   scale = 2^e, e = ceil(log2(largest |x| / 448)), -14 .. 7     kept as f16
//   code  = e4m3(x / scale), beyond 448 (from 57344 on) the largest; NaN becomes 448: no cache holds a NaN
#pragma once

#include <cstdint>

namespace dunlin {

inline constexpr float kFp8Largest = 448.0f;
inline constexpr int32_t kFp8LeastExponent = -14;  // the least normal half
inline constexpr int32_t kFp8LargestExponent = 7;  // 448 * 2^7 is below the largest half

// The functions are static, because units of the CPU backend that are compiled for one instruction set
// include this: the linker may keep their copy of an inline function for the whole program.

// e of values the largest magnitude of which, infinity perhaps, is the float with these bits.
static constexpr int32_t fp8_scale_exponent(uint32_t peak_bits) {
  // A mantissa above that of 448 = 1.75 * 2^8 carries into the exponent.
  const auto exponent = int32_t((peak_bits + 0x1FFFFFu) >> 23) - (127 + 8);
  if (exponent < kFp8LeastExponent) return kFp8LeastExponent;
  return exponent < kFp8LargestExponent ? exponent : kFp8LargestExponent;
}

// The bits of 2^e as a half and as a float.
static constexpr uint16_t fp8_scale_half(int32_t exponent) {
  return uint16_t((exponent + 15) << 10);
}
static constexpr uint32_t fp8_scale_float(int32_t exponent) {
  return uint32_t(exponent + 127) << 23;
}

}  // namespace dunlin
