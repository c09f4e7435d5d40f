// What kernels are chosen by, of a device.
#pragma once

#include <cstdint>

namespace dunlin::cuda {

struct DeviceLimits {
  int32_t n_sm = 0;
  int32_t compute_capability = 0;  // 90: 9.0
  int32_t max_shared_bytes = 0;    // of a CTA, when asked for
  bool has_pdl = false;            // programmatic dependent launch
  bool has_bulk_copy = false;      // a copy engine in each SM
  bool has_wgmma = false;          // Hopper's matrix instructions, and kernels built for them
};

}  // namespace dunlin::cuda
