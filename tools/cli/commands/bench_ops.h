// bench --ops: single ops at real models' shapes instead of a model.
#pragma once

#include <string>

#include "../model_options.h"

namespace dunlin::cli {

struct BenchOpsFlags {
  std::string words;  // with commas between; cases whose names have all of them
  int32_t repetitions = 5;
  std::string format = "md";
};

// Rows go to stdout as they are measured. Throws if an op gave a wrong result.
void bench_ops(const ModelFlags& device, const BenchOpsFlags& flags);

}  // namespace dunlin::cli
