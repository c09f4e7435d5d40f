// The vector kernels for any machine.

#include "backends/cpu/kernels/attention_scratch.h"
#include "backends/cpu/kernels/vector.h"
#include "core/base/half.h"

namespace dunlin::cpu {
namespace {

#include "backends/cpu/kernels/simd_generic.inl"
//
#include "backends/cpu/kernels/vector_kernels.inl"

}  // namespace

const VectorKernelTable kVectorKernelsGeneric = make_vector_table("generic");

}  // namespace dunlin::cpu
