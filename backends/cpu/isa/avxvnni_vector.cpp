// The vector kernels for AVX2 with AVX-VNNI.
#include <immintrin.h>

#include "backends/cpu/kernels/attention_scratch.h"
#include "backends/cpu/kernels/vector.h"

namespace dunlin::cpu {
namespace {

#include "backends/cpu/kernels/simd_avx2.inl"
//
#include "backends/cpu/kernels/vector_kernels.inl"

}  // namespace

const VectorKernelTable kVectorKernelsAvxVnni = make_vector_table("avxvnni");

}  // namespace dunlin::cpu
