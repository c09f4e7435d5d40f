// log2(e): scores are scaled by it, so that exp2 of them is what exp would be of them as they are.
#pragma once

namespace dunlin::cuda {

constexpr float kLog2E = 1.4426950408889634f;

}  // namespace dunlin::cuda
