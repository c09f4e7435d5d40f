// Lanes (kernels/tiles.inl) of AVX-VNNI.
struct Lanes : Lanes256 {
  static constexpr bool kTokenByToken = false;
  static constexpr bool kUnpacksFirst = false;
  static constexpr bool kTokenPairs = false;
  static constexpr int kPrefetchTokens = 9;

  static Bytes load_biased(const uint8_t* p) { return load(p); }
  static Ints bias_start(int32_t x) { return broadcast(x); }
  static Ints dot_pairs(Ints acc, Ints pairs, const int16_t* two) {
    return _mm256_dpwssd_avx_epi32(acc, pairs, broadcast(load_dword(two)));
  }

  // Quantization
  static int32_t center(const int8_t*, int32_t sum) { return -32 * sum; }

  // Dot products
  using Acc = Ints;
  using Scale = Floats;
  using Sum = Floats;
  template <int kBits>
  static constexpr int kRun = 8;
  static Acc begin(Ints start) { return start; }
  static Acc begin_from(Ints start) { return start; }
  template <int kBits>
  static Acc accumulate(Acc acc, Bytes w, const int8_t* a, int v) {
    return _mm256_dpbusd_avx_epi32(acc, w, broadcast(load_dword(a + 4 * v)));
  }
  static Ints end(Ints, Acc acc) { return acc; }
  static Scale to_scale(Ints x) { return to_floats(x); }
  static Sum zero_sum() { return zero(); }
  static Sum add_scaled(Sum sum, Acc acc, Scale scale) { return fma(to_floats(acc), scale, sum); }
  static Floats sum_to_floats(Sum sum) { return sum; }
};
