// How many parts of b make up a.
#pragma once

#include <cstdint>

namespace dunlin::cuda {

constexpr int32_t divide_up(int32_t a, int32_t b) {
  return (a + b - 1) / b;
}

}  // namespace dunlin::cuda
