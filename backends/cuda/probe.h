// The device's ceilings, measured: how fast it reads its own memory, and the host's.
#pragma once

#include "backends/cuda/kernels.h"

namespace dunlin::cuda {

// GB/s, the median of several passes over more than any cache holds, on data that is not zeros.
Result<double> measure_read_bandwidth(const Context& context, const Kernels& kernels);

// GB/s of large copies from pinned host memory to the device; the median of several.
Result<double> measure_upload_bandwidth(const Context& context);

}  // namespace dunlin::cuda
