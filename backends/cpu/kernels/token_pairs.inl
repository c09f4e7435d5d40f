// Dot products of two tokens at a time, for lanes whose instruction multiplies 2 rows x 8 K by 8 K x 2 tokens
// (V::kTokenPairs). Sums of integers are exact, so the results have the bits of one token at a time; what
// such lanes have beside those of tiles.inl:
//   EightK   8 K of each row: join(even, odd) of two neighbouring vectors of weights
//   Pairs    an i32 for each row and either token: pair_up(first, second), and first(), second() back
//   accumulate_pairs(acc, weights, first, second), with the eight activations of either token from there on
//   add_scaled_pairs(sum, acc, scale)
// An odd last token is its own partner.

constexpr int second_of_pair(int first, int n_tokens) {
  return first + 1 < n_tokens ? first + 1 : first;
}

template <class V, int T>
DUNLIN_INLINE void split_pair(typename V::Pairs pair, int first, typename V::Ints (&out)[T]) {
  out[first] = V::first(pair);
  if (first + 1 < T) out[first + 1] = V::second(pair);
}

// S of a block of 256 K. start(block, sub): where the dot products of a sub-block begin. 32 K of the weights
// stay in registers, the pairs' sums in memory, as in TileA256::sum_group_by_token.
template <class V, class F, class Start, int T>
DUNLIN_INLINE void sum_token_pairs(const typename F::Block& w, int row0, const A256Block* const (&a)[T],
                                   Start start, typename V::Sum (&s)[T]) {
  constexpr int kSubs = 32 / F::kSubElements;      // of 32 K
  constexpr int kSubEights = F::kSubElements / 8;  // EightK of a sub-block
  typename V::Pairs sums[(T + 1) / 2];
  DUNLIN_UNROLL(8)
  for (auto& sum : sums) sum = V::pair_up(V::zero_sum(), V::zero_sum());
  DUNLIN_UNROLL(8)
  for (int g = 0; g < 8; ++g) {
    typename V::EightK x[4];
    typename V::Pairs scale[kSubs];
    DUNLIN_UNROLL(4)
    for (int i = 0; i < 4; ++i)
      x[i] = V::join(F::vector(w, g, 2 * i, row0), F::vector(w, g, 2 * i + 1, row0));
    DUNLIN_UNROLL(2)
    for (int i = 0; i < kSubs; ++i) {
      const auto of_rows = V::to_scale(F::scale(w, kSubs * g + i, row0));
      scale[i] = V::pair_up(of_rows, of_rows);
    }
    asm volatile("" : : "r"(sums) : "memory");
    DUNLIN_UNROLL(8)
    for (int t = 0; t < T; t += 2) {
      const A256Block& first = *a[t];
      const A256Block& second = *a[second_of_pair(t, T)];
      typename V::Pairs acc;
      DUNLIN_UNROLL(4)
      for (int i = 0; i < 4; ++i) {
        const int sub = kSubs * g + i / kSubEights;
        const int k = 32 * g + 8 * i;
        if (i % kSubEights == 0) acc = V::pair_up(start(first, sub), start(second, sub));
        acc = V::accumulate_pairs(acc, x[i], first.q + k, second.q + k);
        if (i % kSubEights == kSubEights - 1)
          sums[t / 2] = V::add_scaled_pairs(sums[t / 2], acc, scale[i / kSubEights]);
      }
    }
  }
  DUNLIN_UNROLL(8)
  for (int t = 0; t < T; t += 2) split_pair<V>(sums[t / 2], t, s);
}

// The dot products of a block of 32 K.
template <class V, class F, int T>
DUNLIN_INLINE void dot_token_pairs(const typename F::Block& w, int row0, const A32Block* const (&a)[T],
                                   typename V::Ints (&dot)[T]) {
  typename V::EightK x[4];
  DUNLIN_UNROLL(4)
  for (int i = 0; i < 4; ++i) x[i] = V::join(F::vector(w, 2 * i, row0), F::vector(w, 2 * i + 1, row0));
  DUNLIN_UNROLL(8)
  for (int t = 0; t < T; t += 2) {
    const A32Block& first = *a[t];
    const A32Block& second = *a[second_of_pair(t, T)];
    typename V::Pairs acc = V::pair_up(F::start(first), F::start(second));
    DUNLIN_UNROLL(4)
    for (int i = 0; i < 4; ++i) acc = V::accumulate_pairs(acc, x[i], first.q + 8 * i, second.q + 8 * i);
    split_pair<V>(acc, t, dot);
  }
}
