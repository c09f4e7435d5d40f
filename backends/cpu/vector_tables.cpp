#include <cstring>

#include "backends/cpu/kernels/vector.h"

namespace dunlin::cpu {

const VectorKernelTable* const* vector_tables() {
  static constexpr const VectorKernelTable* kTables[] = {
#if DUNLIN_CPU_AVX512VNNI
    &kVectorKernelsAvx512Vnni,
#endif
#if DUNLIN_CPU_AVXVNNI
    &kVectorKernelsAvxVnni,
#endif
#if DUNLIN_CPU_AVX2
    &kVectorKernelsAvx2,
#endif
#if DUNLIN_CPU_NEON_I8MM
    &kVectorKernelsNeonI8mm,
#endif
#if DUNLIN_CPU_NEON_DOTPROD
    &kVectorKernelsNeonDotprod,
#endif
    &kVectorKernelsGeneric,
    nullptr
  };
  return kTables;
}

const VectorKernelTable* find_vector_table(const char* isa) {
  for (const VectorKernelTable* const* table = vector_tables(); *table != nullptr; ++table) {
    if (std::strcmp((*table)->isa, isa) == 0) return *table;
  }
  return nullptr;
}

}  // namespace dunlin::cpu
