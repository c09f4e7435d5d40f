// The vector kernel tables of this build.
#pragma once

#include <span>
#include <string_view>

#include "backends/cpu/kernels/vector.h"

namespace dunlin::cpu {

// All tables compiled in, best first, "generic" last. Whether the machine can run one: platforms/cpu_features.h.
std::span<const VectorKernelTable* const> vector_kernel_tables();

// Null if this build has no table for the ISA.
const VectorKernelTable* find_vector_kernels(std::string_view isa);

}  // namespace dunlin::cpu
