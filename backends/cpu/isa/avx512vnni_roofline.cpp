// The roofline probes of AVX512-VNNI. Only declarations and plain data may be included here: the linker could
// keep this file's copy of an inline function for the whole program.
#include <immintrin.h>

#include "backends/cpu/kernels/roofline.h"

namespace dunlin::cpu {
namespace {

using Vector = __m512i;
inline Vector zero() {
  return _mm512_setzero_si512();
}
inline Vector load(const uint8_t* p) {
  return _mm512_load_si512(p);
}
inline Vector combine(Vector a, Vector b) {
  return _mm512_xor_si512(a, b);
}
inline uint64_t reduce(Vector v) {
  uint64_t lanes[8];
  _mm512_storeu_si512(lanes, v);
  uint64_t sum = 0;
  for (const uint64_t lane : lanes) sum += lane;
  return sum;
}

#include "backends/cpu/kernels/read_probe.inl"

// Latency is 4 or 5 cycles at up to 2 a cycle: 16 chains keep both units busy.
constexpr int kChains = 16;

int64_t multiply(int64_t n_steps, int32_t seed) {
  const Vector a = _mm512_set1_epi32(seed);
  const Vector b = _mm512_set1_epi32(seed * 3 + 1);
  Vector sums[kChains];
  for (Vector& sum : sums) sum = zero();
  for (int64_t step = 0; step < n_steps; ++step) {
#pragma GCC unroll 16
    for (int chain = 0; chain < kChains; ++chain) sums[chain] = _mm512_dpbusd_epi32(sums[chain], a, b);
  }
  Vector total = zero();
  for (const Vector& sum : sums) total = _mm512_add_epi32(total, sum);
  return int64_t(reduce(total));
}

}  // namespace

extern const RooflineProbes kAvx512VnniRoofline;
constexpr RooflineProbes kAvx512VnniRoofline = {"avx512vnni",   kReadProbes,  kReadProbeCount,
                                                "vpdpbusd zmm", kChains * 64, multiply};

}  // namespace dunlin::cpu
