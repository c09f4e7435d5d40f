// The CUDA backend: NVIDIA GPUs through the driver, which is loaded at run time. Without a driver or a device
// it has no devices, which is no error.
#pragma once

#include <memory>

#include "core/device/device.h"

namespace dunlin::cuda {

std::unique_ptr<Backend> make_backend();

}  // namespace dunlin::cuda
