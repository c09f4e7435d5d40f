#include "platforms/aarch64/hwcap.h"

namespace dunlin {
namespace {

bool bit(uint64_t word, int index) {
  return (word >> index) & 1u;
}

}  // namespace

CpuFeatures decode_hwcaps(uint64_t hwcap, uint64_t hwcap2) {
  CpuFeatures features;
  features.neon = bit(hwcap, 1);
  features.neon_fp16 = bit(hwcap, 9) && bit(hwcap, 10);  // scalar and vector
  features.neon_dotprod = bit(hwcap, 20);
  features.sve = bit(hwcap, 22);
  features.sve2 = bit(hwcap2, 1);
  features.neon_i8mm = bit(hwcap2, 13);
  features.neon_bf16 = bit(hwcap2, 14);
  return features;
}

}  // namespace dunlin
