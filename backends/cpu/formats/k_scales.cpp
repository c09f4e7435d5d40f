#include "backends/cpu/formats/k_scales.h"

#include "backends/cpu/formats/pack_format.h"

namespace dunlin::cpu {

void pack_k_scales(const uint8_t* block, int row, KScales16& out) {
  out.d[row] = load_as<uint16_t>(block);
  out.dmin[row] = load_as<uint16_t>(block + 2);
  const uint8_t* s = block + 4;
  for (int j = 0; j < 4; ++j) {
    out.lo[j][row] = uint8_t((s[j] & 15) | (s[j + 4] & 15) << 4);
    out.lo[j + 4][row] = s[j + 8];
    out.hi[j][row] =
        uint8_t(((s[j] >> 4) & 3) | ((s[j + 4] >> 4) & 3) << 2 | (s[j] >> 6) << 4 | (s[j + 4] >> 6) << 6);
  }
}

void unpack_k_scales(const KScales16& in, int row, uint8_t* block) {
  store_as(block, in.d[row]);
  store_as(block + 2, in.dmin[row]);
  uint8_t* s = block + 4;
  for (int j = 0; j < 4; ++j) {
    const uint8_t lo = in.lo[j][row];
    const uint8_t hi = in.hi[j][row];
    s[j] = uint8_t((lo & 15) | (hi & 3) << 4 | ((hi >> 4) & 3) << 6);
    s[j + 4] = uint8_t(lo >> 4 | ((hi >> 2) & 3) << 4 | (hi >> 6) << 6);
    s[j + 8] = in.lo[j + 4][row];
  }
}

}  // namespace dunlin::cpu
