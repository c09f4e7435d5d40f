// Philox4x32-10: a counter-based generator. The number for (key, counter) is computed from these alone,
// without state, so a draw is the same in any batch, in any order, and after a sequence was preempted and
// recomputed. Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <array>
#include <cstdint>

namespace dunlin {

constexpr std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  constexpr int kRounds = 10;
  constexpr uint64_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u;
  constexpr uint32_t kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t product0 = kMultiplier0 * counter[0];
    const uint64_t product1 = kMultiplier1 * counter[2];
    counter = {uint32_t(product1 >> 32) ^ counter[1] ^ key[0], uint32_t(product1),
               uint32_t(product0 >> 32) ^ counter[3] ^ key[1], uint32_t(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

// Uniform in [0, 1), a multiple of 2^-53.
constexpr double uniform_draw(uint64_t seed, uint64_t position) {
  const auto bits = philox4x32({uint32_t(position), uint32_t(position >> 32), 0, 0},
                               {uint32_t(seed), uint32_t(seed >> 32)});
  constexpr double kStep = 0x1p-53;
  return double((uint64_t(bits[1]) << 32 | bits[0]) >> 11) * kStep;
}

}  // namespace dunlin
