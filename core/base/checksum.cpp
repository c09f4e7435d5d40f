#include "core/base/checksum.h"

#include <array>
#include <bit>
#include <cstring>

namespace dunlin {
namespace {

// Eight sums that do not wait for each other: a multiplication takes three cycles, and one can begin in each.
constexpr size_t kLanes = 8;
constexpr size_t kStripeBytes = kLanes * sizeof(uint64_t);
constexpr uint64_t kFactor = 0x9E3779B97F4A7C15;  // odd, bits evenly mixed: 2^64 / golden ratio

// One-to-one in state and in word, so a changed word always changes the state. The rotation brings high bits,
// which a product only moves upwards, back to where they count.
uint64_t mix(uint64_t state, uint64_t word) {
  return std::rotl((state ^ word) * kFactor, 29);
}

void mix_stripe(std::array<uint64_t, kLanes>& lanes, const uint8_t* stripe) {
  for (size_t i = 0; i < kLanes; ++i) {
    uint64_t word;
    std::memcpy(&word, stripe + i * sizeof word, sizeof word);
    lanes[i] = mix(lanes[i], word);
  }
}

}  // namespace

uint64_t checksum64(std::span<const uint8_t> bytes) {
  std::array<uint64_t, kLanes> lanes;
  for (size_t i = 0; i < kLanes; ++i) lanes[i] = kFactor * (i + 1);
  size_t at = 0;
  for (; at + kStripeBytes <= bytes.size(); at += kStripeBytes) mix_stripe(lanes, bytes.data() + at);
  if (at < bytes.size()) {
    uint8_t last[kStripeBytes] = {};
    std::memcpy(last, bytes.data() + at, bytes.size() - at);
    mix_stripe(lanes, last);
  }
  uint64_t sum = mix(kFactor, bytes.size());  // zeros at the end count
  for (const uint64_t lane : lanes) sum = mix(sum, lane);
  return mix(sum ^ (sum >> 32), 0);
}

}  // namespace dunlin
