// The roofline probes of AVX2. Only declarations and plain data may be included here: the linker could keep
// this file's copy of an inline function for the whole program.
#include <immintrin.h>

#include "backends/cpu/kernels/roofline.h"

namespace dunlin::cpu {
namespace {

#include "backends/cpu/isa/read_avx2.inl"

#include "backends/cpu/kernels/read_probe.inl"

// Without VNNI, 4-bit weights cost per 256 multiply-adds 8 vpmaddubsw, 7 vpaddw to sum them while they fit 16
// bits, one vpmaddwd by the block's scale and one vpaddd: that sequence is the ceiling, from registers.
constexpr int kGroups = 2;
constexpr int kProductsPerGroup = 8;

int64_t multiply(int64_t n_steps, int32_t seed) {
  // The mask keeps 8 pair sums of 4-bit by 7-bit values within 16 bits, whatever the seed.
  const Vector weights = _mm256_and_si256(_mm256_set1_epi32(seed), _mm256_set1_epi8(15));
  const Vector scale = _mm256_set1_epi16(1);
  Vector activations[kGroups];
  for (Vector& a : activations) a = _mm256_and_si256(_mm256_set1_epi32(seed * 3 + 1), _mm256_set1_epi8(127));
  Vector sums[kGroups];
  for (Vector& sum : sums) sum = zero();
  for (int64_t step = 0; step < n_steps; ++step) {
#pragma GCC unroll 2
    for (int group = 0; group < kGroups; ++group) {
      Vector products[kProductsPerGroup];
#pragma GCC unroll 8
      for (Vector& product : products) {
        asm volatile("" : "+x"(activations[group]));  // a new value, as far as the compiler knows
        product = _mm256_maddubs_epi16(weights, activations[group]);
      }
#pragma GCC unroll 3
      for (int width = kProductsPerGroup / 2; width > 0; width /= 2) {
#pragma GCC unroll 4
        for (int i = 0; i < width; ++i) products[i] = _mm256_add_epi16(products[i], products[i + width]);
      }
      sums[group] = _mm256_add_epi32(sums[group], _mm256_madd_epi16(products[0], scale));
    }
  }
  Vector total = zero();
  for (const Vector& sum : sums) total = _mm256_add_epi32(total, sum);
  return int64_t(reduce(total));
}

}  // namespace

extern const RooflineProbes kAvx2Roofline;
constexpr RooflineProbes kAvx2Roofline = {"avx2",
                                          kReadProbes,
                                          kReadProbeCount,
                                          "vpmaddubsw ymm, summed by vpaddw, vpmaddwd, vpaddd",
                                          kGroups* kProductsPerGroup * 32,
                                          multiply};

}  // namespace dunlin::cpu
