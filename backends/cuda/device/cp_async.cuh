// Asynchronous copies of 16 bytes from global to shared memory, in groups that finish in order.
#pragma once

#include <cstdint>

namespace dunlin::cuda {

__device__ __forceinline__ void cp_async16(void* shared, const void* global) {
  const auto to = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;" ::"r"(to), "l"(global) : "memory");
}
// The same, or 16 zeros: `global` must be a valid address all the same.
__device__ __forceinline__ void cp_async16_or_zeros(void* shared, const void* global, bool present) {
  const auto to = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(global),
               "r"(present ? 16 : 0)
               : "memory");
}
__device__ __forceinline__ void cp_async_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
// Waits until at most n of this thread's groups are still on their way.
template <int n>
__device__ __forceinline__ void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(n) : "memory");
}

}  // namespace dunlin::cuda
