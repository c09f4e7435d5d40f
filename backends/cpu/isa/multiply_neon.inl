// The int8 peak of NEON: chains of multiply_add(), one instruction that the including file
// defines.
// Latency is 3 or 4 cycles at up to 4 a cycle: 16 chains keep all units busy.
constexpr int kChains = 16;

int64_t multiply(int64_t n_steps, int32_t seed) {
  const int8x16_t a = vreinterpretq_s8_s32(vdupq_n_s32(seed));
  const int8x16_t b = vreinterpretq_s8_s32(vdupq_n_s32(seed * 3 + 1));
  int32x4_t sums[kChains];
  for (int32x4_t& sum : sums) sum = vdupq_n_s32(0);
  for (int64_t step = 0; step < n_steps; ++step) {
#pragma GCC unroll 16
    for (int chain = 0; chain < kChains; ++chain) {
      sums[chain] = multiply_add(sums[chain], a, b);
      asm volatile("" : "+w"(sums[chain]));  // a chain of its own, as far as the compiler knows
    }
  }
  int32x4_t total = vdupq_n_s32(0);
  for (const int32x4_t& sum : sums) total = vaddq_s32(total, sum);
  return vaddvq_s32(total);
}
