// The CPU backend: one device per instruction set that this build has and this machine runs
// ("cpu:avx512vnni", "cpu:avx2", ...), the best of them with a score, the others only on request.
#pragma once

#include <memory>

#include "core/device/device.h"

namespace dunlin::cpu {

std::unique_ptr<Backend> make_backend();

}  // namespace dunlin::cpu
