// TileA256 for instruction sets with 16 registers (V::kUnpacksFirst): a panel's block is unpacked into the L1
// cache, then any number of tokens pass by it in fours. So unpacking is shared by all tokens of a tile, and
// the 16 rows x 4 tokens, whose accumulators stay in registers over 32 K, load two vectors of weights and
// four broadcasts for eight products.
//
// Every element's operations and their order are those of tiles.inl, so the bits are the same.
//
// Cycles for a token and 32 K of 8 rows (Zen 4, AVX2, 64 tokens, data in L1; the ceiling's sequence
// takes 5.3):
//             products and sums   ends of blocks   unpacking   K = 1536, from L2
//   Q4_K            6.0                0.7            0.2             7.0

template <class V, class F, int kMost>
struct UnpackedTileA256 {
  using Ints = typename V::Ints;
  using Floats = typename V::Floats;
  static constexpr int kVectors = kPanelRows / V::kCount;  // of rows in a panel
  static constexpr int kTokens = 4;                        // that share registers
  static constexpr int kSubs = 256 / F::kSubElements;
  static constexpr int kSubVectors = F::kSubElements / 4;
  static constexpr int kMostRun = V::template kRun<F::kBits>;
  static constexpr int kRun = kMostRun < kSubVectors ? kMostRun : kSubVectors;
  static constexpr int kMostNarrow = 8;  // wider tiles come back to the same weights and fetch none ahead

  // y[t][r], of n_tokens <= kMost.
  static DUNLIN_NOINLINE void run(const uint8_t* panel, const uint8_t* const* tokens, int n_tokens, int64_t k,
                                  Floats (*y)[kVectors]) {
    Unpacked w;
    for (int t = 0; t < n_tokens; ++t)
      for (int r = 0; r < kVectors; ++r) y[t][r] = V::zero();
    for (int64_t b = 0; b < k / 256; ++b) {
      unpack(panel, b, kMost <= kMostNarrow && n_tokens >= V::kPrefetchTokens, w);
      const int64_t offset = b * int64_t(sizeof(A256Block));
      int t = 0;
      for (; t + kTokens <= n_tokens; t += kTokens) add_tokens<kTokens>(w, tokens + t, offset, y + t);
      add_last_tokens<kTokens - 1>(w, tokens + t, offset, n_tokens - t, y + t);
    }
  }

 private:
  // 256 K of a panel.
  struct Unpacked {
    typename V::Bytes x[64][kVectors];
    typename V::Scale scale[kSubs][kVectors];
    Ints minimums[kSubs / 2][kVectors];  // pairs; if F::kHasMin
    Floats d[kVectors];
    Floats dmin[kVectors];
  };

  static DUNLIN_INLINE void unpack(const uint8_t* panel, int64_t b, bool fetch_ahead, Unpacked& out) {
    const typename F::Block& w = *block_of<F>(panel, b);
    DUNLIN_UNROLL(8)
    for (int g = 0; g < 8; ++g) {
      if (fetch_ahead) prefetch_part<V, F, 8, 1, kMost>(&w, g);
      DUNLIN_UNROLL(8)
      for (int v = 0; v < 8; ++v) {
        DUNLIN_UNROLL(2)
        for (int r = 0; r < kVectors; ++r) out.x[8 * g + v][r] = F::vector(w, g, v, r * V::kCount);
      }
    }
    DUNLIN_UNROLL(2)
    for (int r = 0; r < kVectors; ++r) {
      const int row0 = r * V::kCount;
      DUNLIN_UNROLL(16)
      for (int j = 0; j < kSubs; ++j) out.scale[j][r] = V::to_scale(F::scale(w, j, row0));
      out.d[r] = F::d(w, paired_d<F>(panel, b), row0);
      if constexpr (F::kHasMin) {
        DUNLIN_UNROLL(8)
        for (int i = 0; i < kSubs / 2; ++i)
          out.minimums[i][r] = V::pairs(F::minimum(w, 2 * i, row0), F::minimum(w, 2 * i + 1, row0));
        out.dmin[r] = F::dmin(w, row0);
      }
    }
  }

  // Of T tokens or fewer, n of them.
  template <int T>
  static DUNLIN_INLINE void add_last_tokens(const Unpacked& w, const uint8_t* const* tokens, int64_t offset,
                                            int n, Floats (*y)[kVectors]) {
    if (n == T) {
      add_tokens<T>(w, tokens, offset, y);
    } else if constexpr (T > 1) {
      add_last_tokens<T - 1>(w, tokens, offset, n, y);
    }
  }

  // 1. S: scaled dots of all sub-blocks. The sums lie in memory; a load and a store in eight products are
  // free beside them.
  template <int T>
  static DUNLIN_NOINLINE void add_tokens(const Unpacked& w, const uint8_t* const* tokens, int64_t offset,
                                         Floats (*y)[kVectors]) {
    const A256Block* a[T];
    typename V::Sum sums[T][kVectors];
    DUNLIN_UNROLL(4)
    for (int t = 0; t < T; ++t) {
      a[t] = reinterpret_cast<const A256Block*>(tokens[t] + offset);
      DUNLIN_UNROLL(2)
      for (int r = 0; r < kVectors; ++r) sums[t][r] = V::zero_sum();
    }
    DUNLIN_UNROLL(1)
    for (int g = 0; g < 8; ++g) {
      asm volatile("" : : "r"(sums) : "memory");  // left to itself, the compiler spills the accumulators
      typename V::Acc acc[T][kVectors];
      DUNLIN_UNROLL(8)
      for (int v = 0; v < 8; ++v) {
        const int sub = (8 * g + v) / kSubVectors;
        const typename V::Bytes(&x)[kVectors] = w.x[8 * g + v];
        DUNLIN_UNROLL(4)
        for (int t = 0; t < T; ++t) {
          DUNLIN_UNROLL(2)
          for (int r = 0; r < kVectors; ++r) {
            if (v % kRun == 0) acc[t][r] = V::begin_from(V::broadcast(F::kCentered ? a[t]->centers[sub] : 0));
            acc[t][r] = V::template accumulate<F::kBits>(acc[t][r], x[r], a[t]->q + 32 * g, v);
            if (v % kRun == kRun - 1) sums[t][r] = V::add_scaled(sums[t][r], acc[t][r], w.scale[sub][r]);
          }
        }
      }
    }
    DUNLIN_UNROLL(4)
    for (int t = 0; t < T; ++t) finish(w, *a[t], sums[t], y[t]);
  }

  // 2. N, and the block's contribution to y.
  static DUNLIN_INLINE void finish(const Unpacked& w, const A256Block& a,
                                   const typename V::Sum (&sums)[kVectors], Floats (&y)[kVectors]) {
    const Floats d_a = V::splat(a.d);
    Ints n[kVectors];
    if constexpr (F::kHasMin) {
      DUNLIN_UNROLL(2)
      for (int r = 0; r < kVectors; ++r) n[r] = V::broadcast(0);
      DUNLIN_UNROLL(8)
      for (int i = 0; i < kSubs / 2; ++i) {
        DUNLIN_UNROLL(2)
        for (int r = 0; r < kVectors; ++r)
          n[r] = V::dot_pairs(n[r], w.minimums[i][r], (kSubs == 8 ? a.sum32 : a.sum16) + 2 * i);
      }
    }
    DUNLIN_UNROLL(2)
    for (int r = 0; r < kVectors; ++r) {
      Floats s = V::mul(w.d[r], V::sum_to_floats(sums[r]));
      if constexpr (F::kHasMin) s = V::sub(s, V::mul(w.dmin[r], V::to_floats(n[r])));
      y[r] = V::fma(d_a, s, y[r]);
    }
  }
};
