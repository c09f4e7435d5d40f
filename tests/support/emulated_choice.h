// What the CUDA kernels of ops/sample.cu do for a row, on the host: the same code where it decides
// (backends/cuda/device/choose_token.h), plain loops where the kernels divide the work.
#pragma once

#include <cstdint>
#include <span>

#include "core/device/token_choice.h"

namespace dunlin::testing {

// logits: those that may be chosen; penalties are applied in place. own_token: the row's own, of which
// choice.counts_own_token speaks. -1: as Plan::tokens().
int32_t emulated_choice(std::span<float> logits, const TokenChoice& choice,
                        std::span<const TokenCount> window, int32_t own_token);

}  // namespace dunlin::testing
