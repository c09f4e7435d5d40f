#include <cpuid.h>

#include <cstring>

#include "platforms/x86/cpuid.h"

namespace dunlin {
namespace {

constexpr uint32_t kBrandLeaf = 0x80000002;

// By its opcode: the intrinsic would need this file to be compiled for a newer CPU.
uint64_t read_xcr0() {
  uint32_t low = 0;
  uint32_t high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t(high) << 32) | low;
}

std::string read_brand() {
  uint32_t words[12] = {};
  for (uint32_t i = 0; i < 3; ++i) {
    if (!__get_cpuid(kBrandLeaf + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2],
                     &words[4 * i + 3])) {
      return {};
    }
  }
  std::string brand(sizeof words, '\0');
  std::memcpy(brand.data(), words, sizeof words);
  return brand;
}

}  // namespace

CpuFeatures detect_cpu_features() {
  CpuidSnapshot snapshot;
  uint32_t eax = 0;
  uint32_t ebx = 0;
  uint32_t ecx = 0;
  uint32_t edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx)) {
    snapshot.leaf1_ecx = ecx;
    const bool os_saves_state = (ecx >> 27) & 1u;
    if (os_saves_state) snapshot.xcr0 = read_xcr0();
  }
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
    snapshot.leaf7_ebx = ebx;
    snapshot.leaf7_ecx = ecx;
    const uint32_t n_subleaves = eax;
    if (n_subleaves >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx)) snapshot.leaf7_1_eax = eax;
  }
  snapshot.brand = read_brand();
  return decode_cpuid(snapshot);
}

}  // namespace dunlin
