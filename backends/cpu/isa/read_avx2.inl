// The 32-byte vectors of the read probes.
using Vector = __m256i;
inline Vector zero() {
  return _mm256_setzero_si256();
}
inline Vector load(const uint8_t* p) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
}
inline Vector combine(Vector a, Vector b) {
  return _mm256_xor_si256(a, b);
}
inline uint64_t reduce(Vector v) {
  return uint64_t(_mm256_extract_epi64(v, 0)) + uint64_t(_mm256_extract_epi64(v, 1)) +
         uint64_t(_mm256_extract_epi64(v, 2)) + uint64_t(_mm256_extract_epi64(v, 3));
}
