// Lanes (kernels/tiles.inl) of AVX-VNNI.
struct Lanes : Lanes256 {
  static constexpr bool kFreeStart = true;

  static Bytes load_biased(const uint8_t* p) { return load(p); }
  static Ints bias_start(int32_t x) { return broadcast(x); }
  static Ints dot_pairs(Ints acc, Ints pairs, const int16_t* two) {
    return _mm256_dpwssd_avx_epi32(acc, pairs, broadcast(load_dword(two)));
  }

  template <int kBits, int kVectors>
  static Ints dot(Ints acc, const Bytes* w, const int8_t* a) {
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i)
      acc = _mm256_dpbusd_avx_epi32(acc, w[i], broadcast(load_dword(a + 4 * i)));
    return acc;
  }

  using Scale = Floats;
  using Sum = Floats;
  static Scale to_scale(Ints x) {
    return to_floats(x);
  }
  static Sum zero_sum() {
    return zero();
  }
  template <int kBits, int kVectors>
  static Sum add_scaled(Sum sum, Ints start, const Bytes* w, const int8_t* a, Scale scale) {
    return fma(to_floats(dot<kBits, kVectors>(start, w, a)), scale, sum);
  }
  static Floats sum_to_floats(Sum sum) {
    return sum;
  }
};
