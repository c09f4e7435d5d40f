// The vector kernels for NEON with dot products.
#include <arm_neon.h>

#include "backends/cpu/kernels/attention_scratch.h"
#include "backends/cpu/kernels/vector.h"

namespace dunlin::cpu {
namespace {

#include "backends/cpu/kernels/simd_neon.inl"
//
#include "backends/cpu/kernels/vector_kernels.inl"

}  // namespace

const VectorKernelTable kVectorKernelsNeonDotprod = make_vector_table("neon_dotprod");

}  // namespace dunlin::cpu
