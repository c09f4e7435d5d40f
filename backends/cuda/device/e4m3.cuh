// FP8 E4M3 codes to halves and from floats: by the hardware from compute capability 8.9 on, by integer
// arithmetic before. core/device/kv_fp8.h says what they mean in a KV cache, which never holds a NaN.
#pragma once

#include <cstdint>

#include "backends/cuda/device/e4m3_bits.h"
#include "core/base/e4m3.h"

namespace dunlin::cuda {

#if __CUDA_ARCH__ >= 890
#define DUNLIN_E4M3_HARDWARE 1
#endif

// What e4m3x2_to_halves() leaves for a scale to make up for.
#ifdef DUNLIN_E4M3_HARDWARE
inline constexpr float kE4m3Unit = 1.0f;
#else
inline constexpr float kE4m3Unit = 256.0f;
#endif

// Two of four codes (bytes 0, 1 or 2, 3 of the word) as halves, divided by kE4m3Unit.
__device__ __forceinline__ uint32_t e4m3x2_to_halves(uint32_t word, bool upper) {
#ifdef DUNLIN_E4M3_HARDWARE
  uint32_t halves;
  const auto pair = static_cast<unsigned short>(upper ? word >> 16 : word & 0xFFFFu);
  asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(halves) : "h"(pair));
  return halves;
#else
  return e4m3x2_to_small_halves(__byte_perm(word, 0, upper ? 0x3424 : 0x1404));
#endif
}

// Nearest even; beyond 448 the largest.
__device__ __forceinline__ uint16_t floats_to_e4m3x2(float low, float high) {
#ifdef DUNLIN_E4M3_HARDWARE
  unsigned short pair;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(pair) : "f"(high), "f"(low));
  return pair;
#else
  return uint16_t(f32_bits_to_e4m3(__float_as_uint(low)) | f32_bits_to_e4m3(__float_as_uint(high)) << 8);
#endif
}

}  // namespace dunlin::cuda
