// A GPU made of a CPU: with as much memory as a test gives it, blocks of another size than the CPU's, and a
// count of what lives on it. For tests of placement where no GPU is.
#pragma once

#include "core/device/device.h"

namespace dunlin::testing {

inline constexpr const char* kFakeGpuId = "fake:0";

// The card. Outlives the devices that are opened on it.
struct FakeGpu {
  uint64_t memory_bytes = 0;
  uint64_t reported_bytes = 0;  // what it says is free; 0: the truth
  uint64_t used_bytes = 0;
  uint64_t peak_bytes = 0;
  int32_t n_live = 0;  // devices, weights, caches and plans
};

// A backend with that one card.
std::unique_ptr<Backend> make_fake_gpu_backend(FakeGpu& card);

}  // namespace dunlin::testing
