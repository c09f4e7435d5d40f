// What CPUID and XGETBV say, apart from how it is read, so that recorded machines can be tested anywhere.
// Source: Intel SDM volume 2A, CPUID; volume 1, section 13.3 (XCR0).
#pragma once

#include <cstdint>
#include <string>

#include "platforms/cpu_features.h"

namespace dunlin {

struct CpuidSnapshot {
  uint32_t leaf1_ecx = 0;
  uint32_t leaf7_ebx = 0;
  uint32_t leaf7_ecx = 0;
  uint32_t leaf7_1_eax = 0;
  uint64_t xcr0 = 0;  // 0 unless OSXSAVE (leaf 1, ecx bit 27) is set
  std::string brand;  // leaves 0x80000002 to 0x80000004
};

CpuFeatures decode_cpuid(const CpuidSnapshot& snapshot);

}  // namespace dunlin
