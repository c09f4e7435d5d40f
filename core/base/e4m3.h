// Scalar conversions between f32 and FP8 E4M3: a sign, 4 bits of exponent with bias 7, 3 bits of mantissa. No
// infinities; the largest is 448, the least above zero 2^-9, and 0x7F and 0xFF are NaN.
// Source: OCP 8-bit Floating Point Specification (OFP8) 1.0.
#pragma once

#include <bit>
#include <cstdint>

namespace dunlin {

// Of the bits of a float, so that a device's compiler can have it: nearest even, beyond 448 the largest of
// the sign (infinity too), NaN stays NaN.
constexpr uint8_t f32_bits_to_e4m3(uint32_t bits) {
  const uint32_t sign = bits >> 24 & 0x80u;
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return uint8_t(sign | 0x7Fu);
  if (magnitude >= 0x43E00000u) return uint8_t(sign | 0x7Eu);  // 448
  if (magnitude < 0x3C800000u) {                               // below 2^-6: steps of 2^-9
    if (magnitude < 0x3A800000u) return uint8_t(sign);         // below half a step
    const uint32_t shift = 141u - (magnitude >> 23);           // 21..24
    const uint32_t mantissa = (magnitude & 0x7FFFFFu) | 0x800000u;
    // A tie goes up if the kept part is odd.
    return uint8_t(sign | (mantissa + (1u << (shift - 1u)) - 1u + (mantissa >> shift & 1u)) >> shift);
  }
  const uint32_t rebiased = magnitude - (120u << 23);
  return uint8_t(sign | (rebiased + 0x7FFFFu + (rebiased >> 20 & 1u)) >> 20);
}

constexpr uint8_t f32_to_e4m3(float value) {
  return f32_bits_to_e4m3(std::bit_cast<uint32_t>(value));
}

constexpr float e4m3_to_f32(uint8_t code) {
  const uint32_t sign = uint32_t(code & 0x80u) << 24;
  const uint32_t magnitude = code & 0x7Fu;
  if (magnitude == 0x7F) return std::bit_cast<float>(sign | 0x7FC00000u);
  if (magnitude >= 8) return std::bit_cast<float>(sign | ((magnitude << 20) + (120u << 23)));
  const float least = 0x1p-9f * float(magnitude);
  return sign != 0 ? -least : least;
}

}  // namespace dunlin
