// What kernels are chosen by, of a device and of the code that it runs.
#pragma once

#include <cstdint>

namespace dunlin::cuda {

struct DeviceLimits {
  int32_t n_sm = 0;
  int32_t compute_capability = 0;  // 90: 9.0
  int32_t max_shared_bytes = 0;    // of a CTA, when asked for
  // That the kernels were compiled for, at most the device's: a device without machine code of its own runs
  // older code, or the PTX of the oldest. What a kernel does depends on this (__CUDA_ARCH__), not on the
  // device.
  int32_t code_architecture = 0;
  bool has_wgmma = false;  // Hopper's matrix instructions, and kernels built for them

  bool has_pdl() const { return code_architecture >= 90; }        // programmatic dependent launch
  bool has_bulk_copy() const { return code_architecture >= 90; }  // a copy engine in each SM
};

}  // namespace dunlin::cuda
