// The 8 six-bit scales and minimums of a Q4_K or Q5_K block: 12 bytes in the file, KScales16 in a panel.
#pragma once

#include <cstdint>

#include "backends/cpu/formats/q4_k.h"

namespace dunlin::cpu {

// block: the f16 d, the f16 dmin and the 12 bytes, as both formats begin.
void pack_k_scales(const uint8_t* block, int row, KScales16& out);
void unpack_k_scales(const KScales16& in, int row, uint8_t* block);

}  // namespace dunlin::cpu
