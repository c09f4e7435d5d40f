// Words, and the halves in them.
#pragma once

#include <cuda_fp16.h>

#include <cstdint>

namespace dunlin::cuda {

__device__ __forceinline__ uint32_t word_of(const uint4& v, int i) {
  return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
}

// The half whose bits are the low 16.
__device__ __forceinline__ float half_bits_to_float(uint32_t bits) {
  return __half2float(__ushort_as_half(static_cast<unsigned short>(bits)));
}

__device__ __forceinline__ uint32_t as_word(__half2 h) {
  return *reinterpret_cast<const uint32_t*>(&h);
}
__device__ __forceinline__ __half2 as_half2(uint32_t w) {
  return *reinterpret_cast<const __half2*>(&w);
}

// Two of four int8 (bytes 0, 1 or 2, 3 of the word) as halves.
__device__ __forceinline__ __half2 bytes_to_half2(uint32_t word, bool upper) {
  // 1024 + (b + 128) as half bits, less 1152.
  const uint32_t raised = __byte_perm(word ^ 0x80808080u, 0x64646464u, upper ? 0x4342 : 0x4140);
  return __hsub2(as_half2(raised), __float2half2_rn(1152.0f));
}

// Two floats as halves, and what the halves miss.
__device__ __forceinline__ void split_halves(float x, float y, uint32_t& high, uint32_t& low) {
  const __half2 h = __floats2half2_rn(x, y);
  const float2 back = __half22float2(h);
  high = as_word(h);
  low = as_word(__floats2half2_rn(x - back.x, y - back.y));
}

}  // namespace dunlin::cuda
