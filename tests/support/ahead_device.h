// A CPU device that behaves as one that runs ahead: it chooses tokens itself, as the CUDA backend does
// (emulated_choice.h), and takes a second step before the results of the first are asked for. Its ceilings
// can be asked for only while it has no step to do. For tests of the engine where no such device is.
#pragma once

#include "core/device/device.h"

namespace dunlin::testing {

inline constexpr const char* kAheadId = "ahead";

// A backend with that one device, around the best of the CPU backend.
std::unique_ptr<Backend> make_ahead_backend();

}  // namespace dunlin::testing
