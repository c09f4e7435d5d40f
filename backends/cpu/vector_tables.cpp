#include <cstring>

#include "backends/cpu/kernels/vector.h"

namespace dunlin::cpu {

const VectorKernelTable* const* vector_tables() {
  static constexpr const VectorKernelTable* kTables[] = {
#if defined(DUNLIN_CPU_X86)
    &kVectorKernelsAvx512Vnni,
    &kVectorKernelsAvxVnni,
    &kVectorKernelsAvx2,
#elif defined(DUNLIN_CPU_ARM)
    &kVectorKernelsNeonI8mm,
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
