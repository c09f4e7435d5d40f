// The roofline probes of AVX-VNNI. Only declarations and plain data may be included here: the linker could
// keep this file's copy of an inline function for the whole program.
#include <immintrin.h>

#include "backends/cpu/kernels/roofline.h"

namespace dunlin::cpu {
namespace {

#include "backends/cpu/isa/read_avx2.inl"

#include "backends/cpu/kernels/read_probe.inl"

// Latency is 4 or 5 cycles at 2 a cycle; with the two factors, 14 of 16 registers are in use.
constexpr int kChains = 12;

int64_t multiply(int64_t n_steps, int32_t seed) {
  const Vector a = _mm256_set1_epi32(seed);
  const Vector b = _mm256_set1_epi32(seed * 3 + 1);
  Vector sums[kChains];
  for (Vector& sum : sums) sum = zero();
  for (int64_t step = 0; step < n_steps; ++step) {
#pragma GCC unroll 12
    for (int chain = 0; chain < kChains; ++chain) sums[chain] = _mm256_dpbusd_avx_epi32(sums[chain], a, b);
  }
  Vector total = zero();
  for (const Vector& sum : sums) total = _mm256_add_epi32(total, sum);
  return int64_t(reduce(total));
}

}  // namespace

extern const RooflineProbes kAvxVnniRoofline;
constexpr RooflineProbes kAvxVnniRoofline = {"avxvnni",      kReadProbes,  kReadProbeCount,
                                             "vpdpbusd ymm", kChains * 32, multiply};

}  // namespace dunlin::cpu
