// Hopper's warpgroup matrix multiply. sm_90a only.
//
// D[64 x N] (+)= A[64 x 16] B[N x 16]^T, halves in, f32 out, issued by a warpgroup; warp w holds rows 16w ..
// 16w + 15 of D as mma.sync does: of columns 8j .. 8j+7, d[4j .. 4j+3] = {row g, columns 2t, 2t+1; row g +
// 8}. Operands lie in shared memory as the copy engine leaves boxes of 64 columns with its 128-byte swizzle:
// rows of 128 bytes, groups of 8 rows (1024 bytes) adjacent and aligned to their size.
#pragma once

#include <cstdint>

namespace dunlin::cuda {

// An operand's descriptor. K advances by 16 halves inside the swizzled 128 bytes with kMatrixStepK16.
__device__ __forceinline__ uint64_t matrix_descriptor(uint32_t shared_address) {
  constexpr uint64_t kSwizzle128 = uint64_t(1) << 62;
  constexpr uint64_t kGroupStride = uint64_t(1024 >> 4) << 32;
  constexpr uint64_t kUnusedStride = uint64_t(1) << 16;
  return kSwizzle128 | kGroupStride | kUnusedStride | (shared_address >> 4 & 0x3fff);
}
constexpr uint64_t kMatrixStepK16 = 32 >> 4;

// Before the first wgmma, and after registers of D were touched otherwise.
__device__ __forceinline__ void wgmma_fence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
// Waits until at most n groups are unfinished.
template <int n>
__device__ __forceinline__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(n) : "memory");
}

#define DUNLIN_SUMS8(d, i)                                                                    \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), \
      "+f"(d[i + 6]), "+f"(d[i + 7])
#define DUNLIN_SUMS32(d, i) \
  DUNLIN_SUMS8(d, i), DUNLIN_SUMS8(d, i + 8), DUNLIN_SUMS8(d, i + 16), DUNLIN_SUMS8(d, i + 24)

// add false: D is overwritten.
__device__ __forceinline__ void wgmma(float (&d)[32], uint64_t a, uint64_t b, bool add) {
  asm volatile(
      "{\n"
      ".reg .pred add;\n"
      "setp.ne.b32 add, %34, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {"
      "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"
      "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
      "}, %32, %33, add, 1, 1, 0, 0;\n"
      "}"
      : DUNLIN_SUMS32(d, 0)
      : "l"(a), "l"(b), "r"(int32_t(add)));
}
__device__ __forceinline__ void wgmma(float (&d)[64], uint64_t a, uint64_t b, bool add) {
  asm volatile(
      "{\n"
      ".reg .pred add;\n"
      "setp.ne.b32 add, %66, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {"
      "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"
      "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"
      "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,"
      "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
      "}, %64, %65, add, 1, 1, 0, 0;\n"
      "}"
      : DUNLIN_SUMS32(d, 0), DUNLIN_SUMS32(d, 32)
      : "l"(a), "l"(b), "r"(int32_t(add)));
}
__device__ __forceinline__ void wgmma(float (&d)[96], uint64_t a, uint64_t b, bool add) {
  asm volatile(
      "{\n"
      ".reg .pred add;\n"
      "setp.ne.b32 add, %98, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n192k16.f32.f16.f16 {"
      "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"
      "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"
      "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,"
      "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63,"
      "%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,"
      "%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95"
      "}, %96, %97, add, 1, 1, 0, 0;\n"
      "}"
      : DUNLIN_SUMS32(d, 0), DUNLIN_SUMS32(d, 32), DUNLIN_SUMS32(d, 64)
      : "l"(a), "l"(b), "r"(int32_t(add)));
}
#undef DUNLIN_SUMS32
#undef DUNLIN_SUMS8

}  // namespace dunlin::cuda
