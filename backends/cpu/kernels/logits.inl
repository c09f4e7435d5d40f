// Reductions over logits, in one fixed order.

inline float max_of(const float* x, int64_t n) {
  F32 best = set1(-__builtin_inff());
  int64_t i = 0;
  // vmax returns its second operand for NaN, so NaN never enters.
  for (; i + kLanes <= n; i += kLanes) best = vmax(load(x + i), best);
  if (i < n) best = vmax(keep_lanes(load_n(x + i, n - i), 0, int(n - i), best), best);
  return reduce_max(best);
}

int64_t argmax(const float* x, int64_t n) {
  const F32 best = set1(max_of(x, n));
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t lanes = n - i < kLanes ? n - i : kLanes;
    const uint32_t hits = equal_bits(load_n(x + i, lanes), best) & ((1u << lanes) - 1u);
    if (hits != 0) return i + __builtin_ctz(hits);
  }
  return 0;
}

// The sum runs in f32 over blocks of 1024 and in double over the blocks, so that its relative error stays
// near 1e-7 for any vocabulary.
SoftmaxStats softmax_stats(const float* x, int64_t n) {
  constexpr int64_t kBlock = 1024;
  const float max = max_of(x, n);
  const F32 shift = set1(max);
  double sum = 0;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = begin + kBlock < n ? begin + kBlock : n;
    F32 block_sum = set1(0.0f);
    for (int64_t i = begin; i < end; i += kLanes) {
      const int64_t lanes = end - i;
      const F32 e = exp_f32(load_n(x + i, lanes) - shift);
      block_sum = block_sum + keep_lanes(e, 0, lanes < kLanes ? int(lanes) : kLanes, set1(0.0f));
    }
    sum += double(reduce_add(block_sum));
  }
  return {max, sum};
}
