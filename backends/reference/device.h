// The reference backend: scalar, slow, obvious. It is the oracle of every test and the skeleton that a new
// backend is cloned from. Weights are kept as f32 in memory; the KV cache holds f32, or what a round trip
// through Q8_0 or FP8 leaves, so that --kv-type means the same here as elsewhere.
#pragma once

#include <memory>

#include "core/device/device.h"

namespace dunlin::reference {

std::unique_ptr<Backend> make_backend();

}  // namespace dunlin::reference
