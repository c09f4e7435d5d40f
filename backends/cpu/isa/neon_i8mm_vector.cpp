// The vector kernels for NEON with 8-bit matrix products.
#include <arm_neon.h>

#include "backends/cpu/kernels/attention_scratch.h"
#include "backends/cpu/kernels/vector.h"

namespace dunlin::cpu {
namespace {

#include "backends/cpu/kernels/simd_neon.inl"
//
#include "backends/cpu/kernels/vector_kernels.inl"

}  // namespace

const VectorKernelTable kVectorKernelsNeonI8mm = make_vector_table("neon_i8mm");

}  // namespace dunlin::cpu
