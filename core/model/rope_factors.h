// Llama 3's factors of the rotary frequencies.
#pragma once

#include <vector>

#include "core/model/config.h"

namespace dunlin {

// [n_rot/2]; the angle of pair i is divided by the i-th: 1 for short wavelengths, factor for long ones,
// smooth between. Source: Llama 3.1's reference code; the same numbers are rope_freqs.weight in GGUF files.
std::vector<float> llama3_rope_factors(const RopeConfig& rope);

}  // namespace dunlin
