// The tables that this machine can run.
#pragma once

#include <vector>

#include "backends/cpu/linear_tables.h"
#include "tests/unit/cpu/runnable_isa.h"

namespace dunlin::cpu {

inline std::vector<const LinearTable*> runnable_tables() {
  std::vector<const LinearTable*> tables;
  for (const LinearTable* table : linear_tables())
    if (machine_runs(table->isa)) tables.push_back(table);
  return tables;
}

}  // namespace dunlin::cpu
