// Lanes (kernels/tiles.inl) in plain C++: 16 rows in arrays, which compilers may or may not turn into
// vectors. No fma: without the instruction it would be a library call for every element.
struct Lanes {
  static constexpr int kCount = 16;
  static constexpr bool kTokenByToken = false;
  static constexpr bool kUnpacksFirst = false;
  static constexpr bool kTokenPairs = false;
  static constexpr int kPrefetchTokens = 4;
  struct Bytes {
    uint8_t v[64];
  };
  struct Ints {
    int32_t v[16];
  };
  struct Floats {
    float v[16];
  };

  // Weights
  static Bytes load(const uint8_t* p) {
    Bytes x;
    __builtin_memcpy(x.v, p, sizeof x.v);
    return x;
  }
  static Bytes load_biased(const uint8_t* p) { return load(p); }
  template <int kFrom, int kTo, int kMask>
  static Bytes move_bits(Bytes x) {
    for (uint8_t& b : x.v) b = uint8_t(((b >> kFrom) & kMask) << kTo);
    return x;
  }
  static Bytes merge(Bytes a, const Bytes& b) {
    for (int i = 0; i < 64; ++i) a.v[i] |= b.v[i];
    return a;
  }

  // Integers
  static Ints load_u8(const uint8_t* p) {
    return make_ints([&](int i) { return int32_t(p[i]); });
  }
  static Ints load_i8(const int8_t* p) {
    return make_ints([&](int i) { return int32_t(p[i]); });
  }
  template <int kFrom, int kTo, int kMask>
  static Ints field(const Ints& x) {
    return make_ints([&](int i) { return ((x.v[i] >> kFrom) & kMask) << kTo; });
  }
  static Ints either(const Ints& a, const Ints& b) {
    return make_ints([&](int i) { return a.v[i] | b.v[i]; });
  }
  static Ints broadcast(int32_t x) {
    return make_ints([&](int) { return x; });
  }
  static Ints bias_start(int32_t x) { return broadcast(x); }
  static Ints pairs(const Ints& even, const Ints& odd) {
    return make_ints(
        [&](int i) { return int32_t((uint32_t(even.v[i]) & 0xFFFFu) | uint32_t(odd.v[i]) << 16); });
  }
  static Ints dot_pairs(const Ints& acc, const Ints& pairs, const int16_t* two) {
    return make_ints([&](int i) {
      return acc.v[i] + int16_t(pairs.v[i] & 0xFFFF) * two[0] + (pairs.v[i] >> 16) * two[1];
    });
  }

  // Floats
  static Floats zero() { return splat(0.0f); }
  static Floats splat(float x) {
    return make_floats([&](int) { return x; });
  }
  static Floats load_f32(const float* p) {
    return make_floats([&](int i) { return p[i]; });
  }
  static Floats load_f16(const uint16_t* p) {
    return make_floats([&](int i) { return f16_to_f32(p[i]); });
  }
  static Floats load_bf16(const uint16_t* p) {
    return make_floats([&](int i) { return bf16_to_f32(p[i]); });
  }
  static void store_f32(float* p, const Floats& x) { __builtin_memcpy(p, x.v, sizeof x.v); }
  static Floats to_floats(const Ints& x) {
    return make_floats([&](int i) { return float(x.v[i]); });
  }
  static Floats add(const Floats& a, const Floats& b) {
    return make_floats([&](int i) { return a.v[i] + b.v[i]; });
  }
  static Floats sub(const Floats& a, const Floats& b) {
    return make_floats([&](int i) { return a.v[i] - b.v[i]; });
  }
  static Floats mul(const Floats& a, const Floats& b) {
    return make_floats([&](int i) { return a.v[i] * b.v[i]; });
  }
  static Floats div(const Floats& a, const Floats& b) {
    return make_floats([&](int i) { return a.v[i] / b.v[i]; });
  }
  static Floats fma(const Floats& a, const Floats& b, const Floats& c) {
    return make_floats([&](int i) { return a.v[i] * b.v[i] + c.v[i]; });
  }
  static Floats clamp(const Floats& x, float low, float high) {
    return make_floats([&](int i) {
      const float upper = high < x.v[i] ? high : x.v[i];
      return low > upper ? low : upper;
    });
  }
  // Adding 1.5 * 2^23 leaves the nearest integer, ties to even, in the low mantissa bits; right for |x| <
  // 2^22.
  static Ints round(const Floats& x) {
    return make_ints([&](int i) { return int32_t(bits_of(x.v[i] + 12582912.0f) - 0x4B400000u); });
  }
  static Floats exp2(const Ints& n) {
    return make_floats([&](int i) { return __builtin_bit_cast(float, uint32_t(n.v[i] + 127) << 23); });
  }

  // Quantization
  static Ints max_magnitude(const Ints& acc, const Floats& x) {
    return make_ints([&](int i) {
      const int32_t magnitude = int32_t(bits_of(x.v[i]) & 0x7FFFFFFFu);
      return magnitude > acc.v[i] ? magnitude : acc.v[i];
    });
  }
  static int32_t reduce_max(const Ints& x) {
    int32_t m = x.v[0];
    for (const int32_t v : x.v) m = v > m ? v : m;
    return m;
  }
  static void store_i8(int8_t* p, const Ints& x) {
    for (int i = 0; i < 16; ++i) p[i] = int8_t(x.v[i] < -128 ? -128 : x.v[i] > 127 ? 127 : x.v[i]);
  }
  static int32_t sum16(const int8_t* p) {
    int32_t sum = 0;
    for (int i = 0; i < 16; ++i) sum += p[i];
    return sum;
  }
  static int32_t center(const int8_t*, int32_t sum) { return -32 * sum; }

  // Dot products
  using Acc = Ints;
  using Scale = Floats;
  using Sum = Floats;
  template <int kBits>
  static constexpr int kRun = 8;
  static Acc begin(const Ints& start) { return start; }
  static Acc begin_from(const Ints& start) { return start; }
  template <int kBits>
  static Acc accumulate(Acc acc, const Bytes& w, const int8_t* a, int v) {
    const int8_t* const four = a + 4 * v;
    for (int r = 0; r < 16; ++r)
      for (int i = 0; i < 4; ++i) acc.v[r] += int32_t(w.v[4 * r + i]) * four[i];
    return acc;
  }
  static Ints end(const Ints&, const Acc& acc) { return acc; }
  static Scale to_scale(const Ints& x) { return to_floats(x); }
  static Sum zero_sum() { return zero(); }
  static Sum add_scaled(const Sum& sum, const Acc& acc, const Scale& scale) {
    return fma(to_floats(acc), scale, sum);
  }
  static Floats sum_to_floats(const Sum& sum) { return sum; }

 private:
  static uint32_t bits_of(float x) { return __builtin_bit_cast(uint32_t, x); }
  template <class Make>
  static Ints make_ints(Make make) {
    Ints x;
    for (int i = 0; i < 16; ++i) x.v[i] = make(i);
    return x;
  }
  template <class Make>
  static Floats make_floats(Make make) {
    Floats x;
    for (int i = 0; i < 16; ++i) x.v[i] = make(i);
    return x;
  }
};
