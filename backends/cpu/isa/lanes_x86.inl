// What the x86 lanes share.
int32_t load_dword(const void* p) {
  int32_t x;
  __builtin_memcpy(&x, p, sizeof x);
  return x;
}

// Sum of 16 signed bytes: biased to unsigned for the sum of absolute differences from zero.
int32_t sum16_sad(const int8_t* p) {
  const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i s = _mm_sad_epu8(_mm_xor_si128(x, _mm_set1_epi8(char(0x80))), _mm_setzero_si128());
  return _mm_cvtsi128_si32(s) + _mm_extract_epi16(s, 4) - 16 * 128;
}
