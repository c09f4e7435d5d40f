// The inner loops of every matrix kernel: y[r][t] over all of K, for R vectors of rows and T tokens. A vector
// of weights (4 K of V::kCount rows) is unpacked once and multiplied with the broadcast four bytes of each of
// the T tokens, so GEMV (T = 1), small batches (T <= 8) and GEMM are one loop with other numbers, do the same
// operations in the same order for an element, and give the same bits. Dot products of a sub-block are exact
// in integers.
//
// A tile is a template over
//   V  the lanes (isa/lanes_*.inl), rows in lanes. Bytes = four weights of each row, Ints = an i32 a row,
//      Floats = an f32 a row. move_bits<from, to, mask> moves a bit field within every byte, field<...>
//      within every i32. A dot product is an Acc: begin(start), accumulate() over at most kRun<bits> vectors,
//      then end(start, acc) into Ints; or begin_from(A256Block::centers or 0), accumulate(), then
//      add_scaled() into a Sum, which is whatever the instruction set adds best. accumulate(acc, w, a, v)
//      multiplies with the four activations from a + 4v on, a at the first of 32.
//   F  the weight format (formats/*.h): vector() is how a block becomes registers
//
// Everything lives in the anonymous namespace of one isa/<isa>_linear.cpp.

// A vector of rows within a panel: the panel, and its first row.
struct RowVector {
  const uint8_t* panel;
  int row0;
};

// Block b of a panel, and its 16 scales if the format pairs them.
template <class F>
DUNLIN_INLINE const typename F::Block* block_of(const uint8_t* panel, int64_t b) {
  const int64_t scales = F::kPairedD ? (b / 2 + 1) * kPairedScaleBytes : 0;
  return reinterpret_cast<const typename F::Block*>(panel + scales + b * int64_t(sizeof(typename F::Block)));
}
template <class F>
DUNLIN_INLINE const uint16_t* paired_d(const uint8_t* panel, int64_t b) {
  const int64_t pair = kPairedScaleBytes + 2 * int64_t(sizeof(typename F::Block));
  return F::kPairedD ? reinterpret_cast<const uint16_t*>(panel + b / 2 * pair) + b % 2 * 16 : nullptr;
}

// While a narrow tile of several tokens computes, the weights that it needs next come into the L2 cache. One
// token needs all that memory gives, and the hardware's prefetcher is better at that; wide tiles come back to
// the same weights. Zen 4, Q4_K, 8 tokens, share of the read bandwidth: 42 % without, 58 % with, 33 % with
// prefetches into L1. Distances from 2 to 18 KiB measure alike.
constexpr int kPrefetchAheadBytes = 4608;
constexpr int kPrefetchIntoL2 = 1;

// Asks for part `part` of kParts of a block that lies kPrefetchAheadBytes after w. V::kPrefetchTokens: the
// least number of tokens for which that is worth it, and more than a GEMM tile of one vector has. After a
// body the scales of the next pair may lie.
template <class V, class F, int kParts, int R, int T>
DUNLIN_INLINE void prefetch_part(const typename F::Block* w, int part) {
  if constexpr (R == 1 && T >= V::kPrefetchTokens) {
    constexpr int kBytes = int(sizeof(typename F::Block)) + (F::kPairedD ? int(kPairedScaleBytes) : 0);
    constexpr int kLines = (kBytes + 63) / 64;
    const auto* next = reinterpret_cast<const uint8_t*>(w) + kPrefetchAheadBytes;
    DUNLIN_UNROLL(16)
    for (int line = part * kLines / kParts; line < (part + 1) * kLines / kParts; ++line)
      __builtin_prefetch(next + 64 * line, 0, kPrefetchIntoL2);
  }
}

// A long row's activations leave the L1 cache while its panel's weights pass through, and reading them again
// from L2 is a second stream for the hardware's prefetcher, which then follows the weights less far. So one
// token asks for the activations of the next block while it computes on this one. Zen 4, one core, K = 8960,
// GB/s of weights: Q6_K 27.2 without, 31.2 with; Q4_K 27.2 and 27.8; two cores at 58 GB/s: Q6_K 84 to 96 % of
// it, Q4_K 79 to 92 %. For K = 1536, which stays in L1, nothing changes.
template <class F, int T>
DUNLIN_INLINE void prefetch_next_activations(const A256Block* block) {
  if constexpr (T == 1) {
    constexpr int kLineBytes = 64, kIntoL1 = 3;
    constexpr int kCentersLine = int(__builtin_offsetof(A256Block, centers)) / kLineBytes;
    const auto* next = reinterpret_cast<const uint8_t*>(block + 1);
    DUNLIN_UNROLL(8)
    for (int line = 0; line < int(sizeof(A256Block)) / kLineBytes; ++line)
      if (F::kCentered || line != kCentersLine) __builtin_prefetch(next + line * kLineBytes, 0, kIntoL1);
  }
}

#include "backends/cpu/kernels/token_pairs.inl"
#include "backends/cpu/kernels/unpacked_tile.inl"

// K-quants with one activation scale for 256 K. y += d_a (d S - dmin N), or d_a d S.
template <class V, class F, int R, int T>
struct TileA256 {
  using Ints = typename V::Ints;
  using Floats = typename V::Floats;
  using Sum = typename V::Sum;
  static constexpr int kSubs = 256 / F::kSubElements;
  static constexpr bool kUnpacksFirst = V::kUnpacksFirst && R == 1 && T > 1;
  using Unpacked = UnpackedTileA256<V, F, T>;

  static DUNLIN_NOINLINE void run(const RowVector (&rows)[R], const uint8_t* const (&tokens)[T], int64_t k,
                                  Floats (&y)[R][T]) {
    for (int r = 0; r < R; ++r)
      for (int t = 0; t < T; ++t) y[r][t] = V::zero();
    for (int64_t b = 0; b < k / 256; ++b) {
      const typename F::Block* w[R];
      const A256Block* a[T];
      DUNLIN_UNROLL(8)
      for (int r = 0; r < R; ++r) w[r] = block_of<F>(rows[r].panel, b);
      DUNLIN_UNROLL(16)
      for (int t = 0; t < T; ++t) a[t] = reinterpret_cast<const A256Block*>(tokens[t]) + b;
      prefetch_next_activations<F, T>(a[0]);
      Sum s[R][T];
      if constexpr (V::kTokenPairs && R == 1 && T > 1) {
        const auto start_of = [](const A256Block& block, int sub) { return start(block, sub); };
        sum_token_pairs<V, F>(*w[0], rows[0].row0, a, start_of, s[0]);
      } else {
        sum_groups(rows, w, a, s);
      }
      finish(rows, w, a, b, s, y);
    }
  }

 private:
  // 1. S: scaled dots of all sub-blocks.
  static DUNLIN_INLINE void sum_groups(const RowVector (&rows)[R], const typename F::Block* const (&w)[R],
                                       const A256Block* const (&a)[T], Sum (&s)[R][T]) {
    constexpr int kSubVectors = F::kSubElements / 4;
    constexpr int kRun = V::template kRun<F::kBits> < kSubVectors ? V::template kRun<F::kBits> : kSubVectors;
    DUNLIN_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      DUNLIN_UNROLL(16)
      for (int t = 0; t < T; ++t) s[r][t] = V::zero_sum();
    }
    DUNLIN_UNROLL(8)
    for (int g = 0; g < 8; ++g) {
      prefetch_part<V, F, 8, R, T>(w[0], g);
      if constexpr (V::kTokenByToken && R == 1 && T > 1) {
        sum_group_by_token<kRun, kSubVectors>(*w[0], rows[0].row0, g, a, s[0]);
        continue;
      }
      typename V::Acc acc[R][T];
      typename V::Scale scale[R];
      DUNLIN_UNROLL(8)
      for (int v = 0; v < 8; ++v) {
        const int sub = (8 * g + v) / kSubVectors;
        typename V::Bytes x[R];
        DUNLIN_UNROLL(8)
        for (int r = 0; r < R; ++r) {
          if (v % kSubVectors == 0) scale[r] = V::to_scale(F::scale(*w[r], sub, rows[r].row0));
          x[r] = F::vector(*w[r], g, v, rows[r].row0);
        }
        DUNLIN_UNROLL(16)
        for (int t = 0; t < T; ++t) {
          DUNLIN_UNROLL(8)
          for (int r = 0; r < R; ++r) {
            if (v % kRun == 0) acc[r][t] = V::begin_from(start(*a[t], sub));
            acc[r][t] = V::template accumulate<F::kBits>(acc[r][t], x[r], a[t]->q + 32 * g, v);
            if (v % kRun == kRun - 1) s[r][t] = V::add_scaled(s[r][t], acc[r][t], scale[r]);
          }
        }
      }
    }
  }
  // The same sums in another order, for few registers (V::kTokenByToken): the group's eight vectors of
  // weights stay in registers, with one accumulator at a time.
  template <int kRun, int kSubVectors>
  static DUNLIN_INLINE void sum_group_by_token(const typename F::Block& w, int row0, int g,
                                               const A256Block* const (&a)[T], Sum (&s)[T]) {
    typename V::Bytes x[8];
    typename V::Scale scale[8 / kSubVectors];
    DUNLIN_UNROLL(8)
    for (int v = 0; v < 8; ++v) {
      if (v % kSubVectors == 0)
        scale[v / kSubVectors] = V::to_scale(F::scale(w, (8 * g + v) / kSubVectors, row0));
      x[v] = F::vector(w, g, v, row0);
    }
    // The tokens' sums would not fit beside the weights. In memory they cost a load and a store in 8
    // products; left to itself, the compiler spills the weights.
    asm volatile("" : : "r"(s) : "memory");
    DUNLIN_UNROLL(16)
    for (int t = 0; t < T; ++t) {
      typename V::Acc acc;
      DUNLIN_UNROLL(8)
      for (int v = 0; v < 8; ++v) {
        if (v % kRun == 0) acc = V::begin_from(start(*a[t], (8 * g + v) / kSubVectors));
        acc = V::template accumulate<F::kBits>(acc, x[v], a[t]->q + 32 * g, v);
        if (v % kRun == kRun - 1) s[t] = V::add_scaled(s[t], acc, scale[v / kSubVectors]);
      }
    }
  }
  static DUNLIN_INLINE Ints start(const A256Block& a, int sub) {
    return V::broadcast(F::kCentered ? a.centers[sub] : 0);
  }

  // 2. N, and the block's contribution to y.
  static DUNLIN_INLINE void finish(const RowVector (&rows)[R], const typename F::Block* const (&w)[R],
                                   const A256Block* const (&a)[T], int64_t b, Sum (&s)[R][T],
                                   Floats (&y)[R][T]) {
    DUNLIN_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      Ints n[T];
      if constexpr (F::kHasMin) weigh_minimums(*w[r], rows[r].row0, a, n);
      const Floats d = F::d(*w[r], paired_d<F>(rows[r].panel, b), rows[r].row0);
      DUNLIN_UNROLL(16)
      for (int t = 0; t < T; ++t) {
        const Floats d_a = V::splat(a[t]->d);
        if constexpr (F::kHasMin) {
          const Floats least = V::mul(F::dmin(*w[r], rows[r].row0), V::to_floats(n[t]));
          y[r][t] = V::fma(d_a, V::sub(V::mul(d, V::sum_to_floats(s[r][t])), least), y[r][t]);
        } else {
          y[r][t] = V::fma(d_a, V::mul(d, V::sum_to_floats(s[r][t])), y[r][t]);
        }
      }
    }
  }

  // n[t] = sum_j m_j * (sum of the q_a of sub-block j).
  static DUNLIN_INLINE void weigh_minimums(const typename F::Block& w, int row0,
                                           const A256Block* const (&a)[T], Ints (&n)[T]) {
    DUNLIN_UNROLL(16)
    for (int t = 0; t < T; ++t) n[t] = V::broadcast(0);
    DUNLIN_UNROLL(8)
    for (int j = 0; j < kSubs; j += 2) {
      const Ints x = V::pairs(F::minimum(w, j, row0), F::minimum(w, j + 1, row0));
      DUNLIN_UNROLL(16)
      for (int t = 0; t < T; ++t) n[t] = V::dot_pairs(n[t], x, (kSubs == 8 ? a[t]->sum32 : a[t]->sum16) + j);
    }
  }
};

// 32-element formats with one activation scale for 32 K. y += d_a d (dot - c sum32), or d_a (d dot + m
// sum32).
template <class V, class F, int R, int T>
struct TileA32 {
  using Ints = typename V::Ints;
  using Floats = typename V::Floats;
  static constexpr bool kUnpacksFirst = false;

  static DUNLIN_NOINLINE void run(const RowVector (&rows)[R], const uint8_t* const (&tokens)[T], int64_t k,
                                  Floats (&y)[R][T]) {
    Floats total[R][T];
    DUNLIN_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      DUNLIN_UNROLL(16)
      for (int t = 0; t < T; ++t) total[r][t] = V::zero();
    }
    for (int64_t b = 0; b < k / 32; ++b) {
      const typename F::Block* w[R];
      const A32Block* a[T];
      DUNLIN_UNROLL(8)
      for (int r = 0; r < R; ++r) w[r] = block_of<F>(rows[r].panel, b);
      DUNLIN_UNROLL(16)
      for (int t = 0; t < T; ++t) a[t] = reinterpret_cast<const A32Block*>(tokens[t]) + b;
      prefetch_part<V, F, 1, R, T>(w[0], 0);
      Ints dot[R][T];
      if constexpr (V::kTokenPairs && R == 1 && T > 1) {
        dot_token_pairs<V, F>(*w[0], rows[0].row0, a, dot[0]);
      } else {
        multiply(rows, w, a, dot);
      }
      DUNLIN_UNROLL(8)
      for (int r = 0; r < R; ++r) {
        const Floats d = F::d(*w[r], paired_d<F>(rows[r].panel, b), rows[r].row0);
        DUNLIN_UNROLL(16)
        for (int t = 0; t < T; ++t)
          total[r][t] = add_block(total[r][t], *w[r], rows[r].row0, d, dot[r][t], *a[t]);
      }
    }
    DUNLIN_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      DUNLIN_UNROLL(16)
      for (int t = 0; t < T; ++t) y[r][t] = total[r][t];
    }
  }

 private:
  static DUNLIN_INLINE void multiply(const RowVector (&rows)[R], const typename F::Block* const (&w)[R],
                                     const A32Block* const (&a)[T], Ints (&dot)[R][T]) {
    constexpr int kRun = V::template kRun<F::kBits>;
    typename V::Acc acc[R][T];
    DUNLIN_UNROLL(8)
    for (int v = 0; v < 8; ++v) {
      typename V::Bytes x[R];
      DUNLIN_UNROLL(8)
      for (int r = 0; r < R; ++r) x[r] = F::vector(*w[r], v, rows[r].row0);
      DUNLIN_UNROLL(16)
      for (int t = 0; t < T; ++t) {
        DUNLIN_UNROLL(8)
        for (int r = 0; r < R; ++r) {
          if (v == 0) dot[r][t] = F::start(*a[t]);
          if (v % kRun == 0) acc[r][t] = V::begin(dot[r][t]);
          acc[r][t] = V::template accumulate<F::kBits>(acc[r][t], x[r], a[t]->q, v);
          if (v % kRun == kRun - 1) dot[r][t] = V::end(dot[r][t], acc[r][t]);
        }
      }
    }
  }
  static DUNLIN_INLINE Floats add_block(Floats total, const typename F::Block& w, int row0, Floats d,
                                        Ints dot, const A32Block& a) {
    const Floats d_a = V::splat(a.d);
    if constexpr (F::kHasMin) {
      // The block holds -8 sum32; the factor is a power of two and changes no digit.
      const Floats m = V::mul(F::minimum(w, row0), V::splat(-0.125f));
      const Floats least = V::mul(m, V::to_floats(V::broadcast(a.minus8_sum)));
      return V::fma(d_a, V::fma(d, V::to_floats(dot), least), total);
    } else {
      return V::fma(V::mul(d_a, d), V::to_floats(dot), total);
    }
  }
};

// Dense weights and f32 activations. Sums of 32 products are added to the total, which bounds the rounding
// error and lets the blocks of one row overlap in the pipeline.
template <class V, class F, int R, int T>
struct TileF32 {
  using Floats = typename V::Floats;
  static constexpr bool kUnpacksFirst = false;

  static DUNLIN_NOINLINE void run(const RowVector (&rows)[R], const uint8_t* const (&tokens)[T], int64_t k,
                                  Floats (&y)[R][T]) {
    Floats total[R][T];
    DUNLIN_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      DUNLIN_UNROLL(16)
      for (int t = 0; t < T; ++t) total[r][t] = V::zero();
    }
    int64_t begin = 0;
    for (; begin + 32 <= k; begin += 32) add_block<32>(rows, tokens, begin, 32, total);
    if (begin < k) add_block<0>(rows, tokens, begin, k - begin, total);
    DUNLIN_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      DUNLIN_UNROLL(16)
      for (int t = 0; t < T; ++t) y[r][t] = total[r][t];
    }
  }

 private:
  template <int kLength>
  static DUNLIN_INLINE void add_block(const RowVector (&rows)[R], const uint8_t* const (&tokens)[T],
                                      int64_t begin, int64_t length, Floats (&total)[R][T]) {
    Floats sum[R][T];
    DUNLIN_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      DUNLIN_UNROLL(16)
      for (int t = 0; t < T; ++t) sum[r][t] = V::zero();
    }
    const int64_t end = begin + (kLength != 0 ? kLength : length);
    DUNLIN_UNROLL(4)
    for (int64_t i = begin; i < end; ++i) {
      Floats w[R];
      DUNLIN_UNROLL(8)
      for (int r = 0; r < R; ++r) {
        const auto* panel = reinterpret_cast<const typename F::Element*>(rows[r].panel);
        w[r] = F::load(panel + 16 * i + rows[r].row0);
      }
      DUNLIN_UNROLL(16)
      for (int t = 0; t < T; ++t) {
        const Floats x = V::splat(reinterpret_cast<const float*>(tokens[t])[i]);
        DUNLIN_UNROLL(8)
        for (int r = 0; r < R; ++r) sum[r][t] = V::fma(w[r], x, sum[r][t]);
      }
    }
    DUNLIN_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      DUNLIN_UNROLL(16)
      for (int t = 0; t < T; ++t) total[r][t] = V::add(total[r][t], sum[r][t]);
    }
  }
};
