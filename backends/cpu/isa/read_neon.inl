// The 16-byte vectors of the read probes.
using Vector = uint8x16_t;
inline Vector zero() {
  return vdupq_n_u8(0);
}
inline Vector load(const uint8_t* p) {
  return vld1q_u8(p);
}
inline Vector combine(Vector a, Vector b) {
  return veorq_u8(a, b);
}
inline uint64_t reduce(Vector v) {
  return vaddvq_u64(vreinterpretq_u64_u8(v));
}
