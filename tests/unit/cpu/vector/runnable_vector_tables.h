// The vector tables that this machine can run.
#pragma once

#include <vector>

#include "backends/cpu/kernels/vector.h"
#include "tests/unit/cpu/runnable_isa.h"

namespace dunlin::cpu {

inline std::vector<const VectorKernelTable*> runnable_vector_tables() {
  std::vector<const VectorKernelTable*> tables;
  for (const VectorKernelTable* const* table = vector_tables(); *table != nullptr; ++table)
    if (machine_runs((*table)->isa)) tables.push_back(*table);
  return tables;
}

}  // namespace dunlin::cpu
