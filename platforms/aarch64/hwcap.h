// What the Linux kernel's hardware capability words say, apart from how they are read, so that recorded
// machines can be tested anywhere. Source: Linux, Documentation/arch/arm64/elf_hwcaps.rst and asm/hwcap.h.
#pragma once

#include <cstdint>

#include "platforms/cpu_features.h"

namespace dunlin {

// hwcap, hwcap2: AT_HWCAP and AT_HWCAP2 of the auxiliary vector. brand is left empty.
CpuFeatures decode_hwcaps(uint64_t hwcap, uint64_t hwcap2);

}  // namespace dunlin
