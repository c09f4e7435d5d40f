// The device's ceiling, measured: how fast it reads its own memory.
#pragma once

#include "backends/cuda/kernels.h"

namespace dunlin::cuda {

// GB/s, the median of several passes over more than any cache holds, on data that is not zeros.
Result<double> measure_read_bandwidth(const Context& context, const Kernels& kernels);

}  // namespace dunlin::cuda
