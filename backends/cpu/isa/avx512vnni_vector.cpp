// The vector kernels for AVX512 with VNNI.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // false alarms inside GCC 12's own header
#include <immintrin.h>
#pragma GCC diagnostic pop

#include "backends/cpu/kernels/attention_scratch.h"
#include "backends/cpu/kernels/vector.h"

namespace dunlin::cpu {
namespace {

#include "backends/cpu/kernels/simd_avx512.inl"
//
#include "backends/cpu/kernels/vector_kernels.inl"

}  // namespace

const VectorKernelTable kVectorKernelsAvx512Vnni = make_vector_table("avx512vnni");

}  // namespace dunlin::cpu
