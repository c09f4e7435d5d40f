// The contract of the roofline probes: per instruction set, loops that do nothing but read memory or multiply
// int8. Plain data and stateless functions: any number of threads may call them at once.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dunlin::cpu {

// data and bytes of a read are multiples of this.
inline constexpr size_t kReadUnitBytes = size_t(1) << 20;

struct ReadProbe {
  const char* pattern;
  uint64_t (*read)(const uint8_t* data, size_t bytes);  // returns a value that depends on every byte
};

struct RooflineProbes {
  const char* isa;
  const ReadProbe* reads;
  int n_reads;
  const char* int8_instruction;
  int64_t macs_per_step;
  // seed: a value of 28 bits that the compiler does not know; the result depends on every step.
  int64_t (*multiply)(int64_t n_steps, int32_t seed);
};

}  // namespace dunlin::cpu
