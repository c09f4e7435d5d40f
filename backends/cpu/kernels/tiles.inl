// The inner loops of every matrix kernel: y[r][t] over all of K, for R vectors of rows and T tokens. A tile
// unpacks 32 K of its rows into registers once and passes all T tokens over them, each token's bytes
// broadcast four at a time; so GEMV (T = 1), small batches (T <= 8) and GEMM are one loop with other numbers,
// do the same operations in the same order for an element, and give the same bits. Dot products of a block
// are exact in integers.
//
// A tile is a template over
//   V  the lanes (isa/lanes_*.inl), rows in lanes: Bytes = four weights of each row, Ints = an i32 a row,
//   Floats = an
//      f32 a row. move_bits<from, to, mask> moves a bit field within every byte, field<...> within every i32;
//      dot<bits, n> sums n x 4 products a row, exactly for weights of that many bits; add_scaled adds a
//      sub-block's dot times its scale to a Sum, which is whatever the instruction set adds best. kFreeStart:
//      whether accumulators may start at a zero point's correction.
//   F  the weight format (formats/*.h): how a block becomes registers
//
// Everything lives in the anonymous namespace of one isa/<isa>_linear.cpp.

// A vector of rows within a panel: its first row, the panel's scale plane and its body.
struct RowVector {
  const uint16_t* plane;
  const uint8_t* body;
  int row0;
};

// K-quants with one activation scale for 256 K. y += d_a (d S - dmin N), or d_a d S.
template <class V, class F, int R, int T>
struct TileA256 {
  using Ints = typename V::Ints;
  using Floats = typename V::Floats;
  using Sum = typename V::Sum;
  static constexpr int kSubs = 256 / F::kSubElements;
  static constexpr bool kStartCentered = F::kCentered && V::kFreeStart;
  static constexpr bool kSubtractCenters = F::kCentered && !V::kFreeStart;

  static void run(const RowVector (&rows)[R], const uint8_t* const (&tokens)[T], int64_t k,
                  Floats (&y)[R][T]) {
    for (int r = 0; r < R; ++r)
      for (int t = 0; t < T; ++t) y[r][t] = V::zero();
    for (int64_t b = 0; b < k / 256; ++b) {
      const typename F::Block* w[R];
      const A256Block* a[T];
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) w[r] = reinterpret_cast<const typename F::Block*>(rows[r].body) + b;
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) a[t] = reinterpret_cast<const A256Block*>(tokens[t]) + b;
      Sum s[R][T];
      sum_groups(rows, w, a, s);
      finish(rows, w, a, b, s, y);
    }
  }

 private:
  // 1. S: scaled dots of all sub-blocks.
  static inline __attribute__((always_inline)) void sum_groups(const RowVector (&rows)[R],
                                                               const typename F::Block* const (&w)[R],
                                                               const A256Block* const (&a)[T],
                                                               Sum (&s)[R][T]) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) s[r][t] = V::zero_sum();
#pragma GCC unroll 8
    for (int g = 0; g < 8; ++g) {
      typename V::Bytes q[R][8];
      typename V::Scale scale[R][32 / F::kSubElements];
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        F::unpack(*w[r], g, rows[r].row0, q[r]);
#pragma GCC unroll 2
        for (int i = 0; i < 32 / F::kSubElements; ++i)
          scale[r][i] = V::to_scale(F::scale(*w[r], g * (32 / F::kSubElements) + i, rows[r].row0));
      }
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) s[r][t] = add_group(s[r][t], q[r], scale[r], *a[t], g);
      }
    }
  }

  static inline __attribute__((always_inline)) Sum add_group(Sum s, const typename V::Bytes (&q)[8],
                                                             const typename V::Scale* scale,
                                                             const A256Block& a, int g) {
    const Ints none = V::broadcast(0);
    if constexpr (F::kSubElements == 32) {
      return V::template add_scaled<F::kBits, 8>(s, none, q, a.q + 32 * g, scale[0]);
    } else {
      const Ints start0 = kStartCentered ? V::broadcast(a.minus32_sum16[2 * g]) : none;
      const Ints start1 = kStartCentered ? V::broadcast(a.minus32_sum16[2 * g + 1]) : none;
      s = V::template add_scaled<F::kBits, 4>(s, start0, q, a.q + 32 * g, scale[0]);
      return V::template add_scaled<F::kBits, 4>(s, start1, q + 4, a.q + 32 * g + 16, scale[1]);
    }
  }

  // 2. N, and the block's contribution to y.
  static inline __attribute__((always_inline)) void finish(const RowVector (&rows)[R],
                                                           const typename F::Block* const (&w)[R],
                                                           const A256Block* const (&a)[T], int64_t b,
                                                           Sum (&s)[R][T], Floats (&y)[R][T]) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      Ints n[T];
      if constexpr (F::kHasMin || kSubtractCenters) weigh_sums(*w[r], rows[r].row0, a, n);
      const Floats d = F::d(*w[r], rows[r].plane + 16 * b, rows[r].row0);
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const Floats d_a = V::splat(a[t]->d);
        if constexpr (F::kHasMin) {
          const Floats least = V::mul(F::dmin(*w[r], rows[r].row0), V::to_floats(n[t]));
          y[r][t] = V::fma(d_a, V::sub(V::mul(d, V::sum_to_floats(s[r][t])), least), y[r][t]);
        } else {
          if constexpr (kSubtractCenters) s[r][t] = V::subtract_centers(s[r][t], n[t]);
          y[r][t] = V::fma(d_a, V::mul(d, V::sum_to_floats(s[r][t])), y[r][t]);
        }
      }
    }
  }

  // n[t] = sum_j x_j * (sum of the q_a of sub-block j), x = minimums, or scales where the center comes off
  // last.
  static inline __attribute__((always_inline)) void weigh_sums(const typename F::Block& w, int row0,
                                                               const A256Block* const (&a)[T], Ints (&n)[T]) {
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) n[t] = V::broadcast(0);
#pragma GCC unroll 8
    for (int j = 0; j < kSubs; j += 2) {
      const Ints x = V::pairs(weight(w, j, row0), weight(w, j + 1, row0));
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) n[t] = V::dot_pairs(n[t], x, (kSubs == 8 ? a[t]->sum32 : a[t]->sum16) + j);
    }
  }
  static Ints weight(const typename F::Block& w, int j, int row0) {
    if constexpr (F::kHasMin) {
      return F::minimum(w, j, row0);
    } else {
      return F::scale(w, j, row0);
    }
  }
};

// 32-element formats with one activation scale for 32 K. y += d_a d (dot - c sum32), or d_a (d dot + m
// sum32).
template <class V, class F, int R, int T>
struct TileA32 {
  using Ints = typename V::Ints;
  using Floats = typename V::Floats;

  static void run(const RowVector (&rows)[R], const uint8_t* const (&tokens)[T], int64_t k,
                  Floats (&y)[R][T]) {
    Floats total[R][T];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) total[r][t] = V::zero();
    for (int64_t b = 0; b < k / 32; ++b) {
      typename V::Bytes q[R][8];
      Floats d[R], m[R];
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const auto& w = reinterpret_cast<const typename F::Block*>(rows[r].body)[b];
        F::unpack(w, rows[r].row0, q[r]);
        d[r] = F::d(w, rows[r].plane + 16 * b, rows[r].row0);
        // The block holds -8 sum32; the factor is a power of two and changes no digit.
        if constexpr (F::kHasMin) m[r] = V::mul(F::minimum(w, rows[r].row0), V::splat(-0.125f));
      }
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const A32Block& a = reinterpret_cast<const A32Block*>(tokens[t])[b];
        const Floats d_a = V::splat(a.d);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
          const Floats dot = V::to_floats(V::template dot<F::kBits, 8>(F::start(a), q[r], a.q));
          if constexpr (F::kHasMin) {
            const Floats least = V::mul(m[r], V::to_floats(V::broadcast(a.minus8_sum)));
            total[r][t] = V::fma(d_a, V::fma(d[r], dot, least), total[r][t]);
          } else {
            total[r][t] = V::fma(V::mul(d_a, d[r]), dot, total[r][t]);
          }
        }
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) y[r][t] = total[r][t];
  }
};

// Dense weights and f32 activations. Sums of 32 products are added to the total, which bounds the rounding
// error and lets the blocks of one row overlap in the pipeline.
template <class V, class F, int R, int T>
struct TileF32 {
  using Floats = typename V::Floats;

  static void run(const RowVector (&rows)[R], const uint8_t* const (&tokens)[T], int64_t k,
                  Floats (&y)[R][T]) {
    Floats total[R][T];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) total[r][t] = V::zero();
    int64_t begin = 0;
    for (; begin + 32 <= k; begin += 32) add_block<32>(rows, tokens, begin, 32, total);
    if (begin < k) add_block<0>(rows, tokens, begin, k - begin, total);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) y[r][t] = total[r][t];
  }

 private:
  template <int kLength>
  static inline __attribute__((always_inline)) void add_block(const RowVector (&rows)[R],
                                                              const uint8_t* const (&tokens)[T],
                                                              int64_t begin, int64_t length,
                                                              Floats (&total)[R][T]) {
    Floats sum[R][T];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) sum[r][t] = V::zero();
    const int64_t end = begin + (kLength != 0 ? kLength : length);
#pragma GCC unroll 4
    for (int64_t i = begin; i < end; ++i) {
      Floats w[R];
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const auto* panel = reinterpret_cast<const typename F::Element*>(rows[r].body);
        w[r] = F::load(panel + 16 * i + rows[r].row0);
      }
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const Floats x = V::splat(reinterpret_cast<const float*>(tokens[t])[i]);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) sum[r][t] = V::fma(w[r], x, sum[r][t]);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) total[r][t] = V::add(total[r][t], sum[r][t]);
  }
};
