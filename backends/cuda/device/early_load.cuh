// Loads that stay where they stand. The compiler moves ordinary loads behind pdl_wait(); these may be asked
// for before it, of what no kernel of this step that may still run writes: see pdl.cuh.
#pragma once

#include <cstdint>

namespace dunlin::cuda {

struct EarlyLoad {
  static __device__ __forceinline__ uint16_t load2(const void* p) {
    uint16_t v;
    asm volatile("ld.global.cg.u16 %0, [%1];" : "=h"(v) : "l"(p));
    return v;
  }
  static __device__ __forceinline__ uint32_t load4(const void* p) {
    uint32_t v;
    asm volatile("ld.global.cg.u32 %0, [%1];" : "=r"(v) : "l"(p));
    return v;
  }
  static __device__ __forceinline__ uint2 load8(const void* p) {
    uint2 v;
    asm volatile("ld.global.cg.v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(p));
    return v;
  }
  static __device__ __forceinline__ uint4 load16(const void* p) {
    uint4 v;
    asm volatile("ld.global.cg.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "l"(p));
    return v;
  }
};

// Brings a line into L2, also one that others may still write: nothing is read.
__device__ __forceinline__ void prefetch_l2(const void* p) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(p));
}

// From any memory, wherever the compiler likes.
struct PlainLoad {
  static __device__ __forceinline__ uint16_t load2(const void* p) { return *static_cast<const uint16_t*>(p); }
  static __device__ __forceinline__ uint32_t load4(const void* p) { return *static_cast<const uint32_t*>(p); }
  static __device__ __forceinline__ uint2 load8(const void* p) { return *static_cast<const uint2*>(p); }
  static __device__ __forceinline__ uint4 load16(const void* p) { return *static_cast<const uint4*>(p); }
};

}  // namespace dunlin::cuda
