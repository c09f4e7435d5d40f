#include "backends/cpu/formats/q4_k.h"

#include "backends/cpu/formats/k_scales.h"
#include "backends/cpu/formats/pack_format.h"

namespace dunlin::cpu {
namespace {

constexpr int kQs = 16;  // where the nibbles begin in the file's block

// Bytes 32c .. 32c + 31 hold group 2c in their low and group 2c + 1 in their high nibbles.
void pack(const uint8_t* block, int row, uint8_t*, uint8_t* body) {
  auto& panel = *reinterpret_cast<Q4KPanel*>(body);
  pack_k_scales(block, row, panel.scales);
  for (int g = 0; g < 8; ++g) {
    uint8_t q[32];
    for (int l = 0; l < 32; ++l) q[l] = uint8_t(block[kQs + 32 * (g / 2) + l] >> (4 * (g & 1))) & 15;
    for (int t = 0; t < 4; ++t) put_nibbles(q + 4 * t, row, panel.qs[g][t]);
  }
}

void unpack(const uint8_t*, const uint8_t* body, int row, uint8_t* block) {
  const auto& panel = *reinterpret_cast<const Q4KPanel*>(body);
  unpack_k_scales(panel.scales, row, block);
  for (int c = 0; c < 4; ++c) {
    uint8_t low[32], high[32];
    for (int t = 0; t < 4; ++t) take_nibbles(panel.qs[2 * c][t], row, low + 4 * t);
    for (int t = 0; t < 4; ++t) take_nibbles(panel.qs[2 * c + 1][t], row, high + 4 * t);
    for (int l = 0; l < 32; ++l) block[kQs + 32 * c + l] = uint8_t(low[l] | high[l] << 4);
  }
}

}  // namespace

const PackFormat kPackQ4K = {DType::kQ4_K, 256, false, sizeof(Q4KPanel), &pack, &unpack};

}  // namespace dunlin::cpu
