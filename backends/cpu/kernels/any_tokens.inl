// TileA256 in another order, for instruction sets with few registers (V::kAnyTokens): a group's eight
// vectors of weights stay in registers, and up to kMost tokens, each with one accumulator at a time, pass by
// them. The tokens' sums lie in memory, a load and a store in 8 products, which the ports have room for. The
// loop over the tokens is not unrolled, so their number is free, and unpacking a group is shared by as many
// as there are.
//
// Every element's operations and their order are those of tiles.inl, so the bits are the same.
//
// Cycles for a token and 32 K of 8 rows (Zen 4; 5.1 are the ceiling, 5.8 are reached by the products and sums
// alone), by the number of tokens:
//             6     8    12    16    24    32    48
//   Q4_K    8.9   8.6   8.2   7.9   7.6   7.5   7.4
//   Q6_K   10.8  10.4   9.6   9.2   8.8   8.6   8.5

template <class V, class F, int kMost>
struct AnyTokensA256 {
  using Ints = typename V::Ints;
  using Floats = typename V::Floats;
  using Sum = typename V::Sum;
  static constexpr int kSubs = 256 / F::kSubElements;
  static constexpr int kSubVectors = F::kSubElements / 4;
  static constexpr int kMostRun = V::template kRun<F::kBits>;
  static constexpr int kRun = kMostRun < kSubVectors ? kMostRun : kSubVectors;
  static constexpr bool kStartCentered = F::kCentered && V::kFreeStart;
  static constexpr bool kSubtractCenters = F::kCentered && !V::kFreeStart;
  static constexpr bool kWeighsSums = F::kHasMin || kSubtractCenters;
  static constexpr int kMostNarrow = 8;  // wider tiles come back to the same weights and fetch none ahead

  static DUNLIN_NOINLINE void run(const RowVector& row, const uint8_t* const* tokens, int n_tokens, int64_t k,
                                  Floats* y) {
    Sum sums[kMost];
    for (int t = 0; t < n_tokens; ++t) y[t] = V::zero();
    for (int64_t b = 0; b < k / 256; ++b) {
      const typename F::Block& w = *block_of<F>(row.panel, b);
      const int64_t offset = b * int64_t(sizeof(A256Block));
      DUNLIN_UNROLL(8)
      for (int g = 0; g < 8; ++g) {
        if (kMost <= kMostNarrow && n_tokens >= V::kPrefetchTokens) prefetch_part<V, F, 8, 1, kMost>(&w, g);
        add_group(w, row.row0, g, tokens, offset, n_tokens, sums);
      }
      finish(w, row, b, tokens, offset, n_tokens, sums, y);
    }
  }

 private:
  static const A256Block& block(const uint8_t* token, int64_t offset) {
    return *reinterpret_cast<const A256Block*>(token + offset);
  }

  // 1. S: the group's share of the scaled dots.
  static DUNLIN_INLINE void add_group(const typename F::Block& w, int row0, int g,
                                      const uint8_t* const* tokens, int64_t offset, int n_tokens, Sum* sums) {
    typename V::Bytes x[8];
    typename V::Scale scale[8 / kSubVectors];
    DUNLIN_UNROLL(8)
    for (int v = 0; v < 8; ++v) {
      if (v % kSubVectors == 0)
        scale[v / kSubVectors] = V::to_scale(F::scale(w, (8 * g + v) / kSubVectors, row0));
      x[v] = F::vector(w, g, v, row0);
    }
    DUNLIN_UNROLL(1)
    for (int t = 0; t < n_tokens; ++t) {
      const A256Block& a = block(tokens[t], offset);
      Sum sum = g == 0 ? V::zero_sum() : sums[t];
      typename V::Acc acc;
      DUNLIN_UNROLL(8)
      for (int v = 0; v < 8; ++v) {
        const int sub = (8 * g + v) / kSubVectors;
        if (v % kRun == 0) acc = V::begin(V::broadcast(kStartCentered ? a.minus32_sum16[sub] : 0));
        acc = V::template accumulate<F::kBits>(acc, x[v], a.q + 32 * g, v);
        if (v % kRun == kRun - 1) sum = V::add_scaled(sum, acc, scale[v / kSubVectors]);
      }
      sums[t] = sum;
    }
  }

  // 2. N, and the block's contribution to y.
  static DUNLIN_INLINE void finish(const typename F::Block& w, const RowVector& row, int64_t b,
                                   const uint8_t* const* tokens, int64_t offset, int n_tokens,
                                   const Sum* sums, Floats* y) {
    const Floats d = F::d(w, paired_d<F>(row.panel, b), row.row0);
    Ints x[kSubs / 2];
    if constexpr (kWeighsSums) {
      DUNLIN_UNROLL(8)
      for (int i = 0; i < kSubs / 2; ++i)
        x[i] = V::pairs(weight(w, 2 * i, row.row0), weight(w, 2 * i + 1, row.row0));
    }
    DUNLIN_UNROLL(1)
    for (int t = 0; t < n_tokens; ++t) {
      const A256Block& a = block(tokens[t], offset);
      const Floats d_a = V::splat(a.d);
      Ints n = V::broadcast(0);
      if constexpr (kWeighsSums) {
        DUNLIN_UNROLL(8)
        for (int i = 0; i < kSubs / 2; ++i)
          n = V::dot_pairs(n, x[i], (kSubs == 8 ? a.sum32 : a.sum16) + 2 * i);
      }
      if constexpr (F::kHasMin) {
        const Floats least = V::mul(F::dmin(w, row.row0), V::to_floats(n));
        y[t] = V::fma(d_a, V::sub(V::mul(d, V::sum_to_floats(sums[t])), least), y[t]);
      } else {
        const Sum s = subtract_centers(sums[t], n);
        y[t] = V::fma(d_a, V::mul(d, V::sum_to_floats(s)), y[t]);
      }
    }
  }
  static DUNLIN_INLINE Sum subtract_centers(Sum sum, [[maybe_unused]] Ints n) {
    if constexpr (kSubtractCenters) return V::subtract_centers(sum, n);
    return sum;
  }
  static DUNLIN_INLINE Ints weight(const typename F::Block& w, int j, int row0) {
    if constexpr (F::kHasMin) {
      return F::minimum(w, j, row0);
    } else {
      return F::scale(w, j, row0);
    }
  }
};
