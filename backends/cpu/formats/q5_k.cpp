#include "backends/cpu/formats/q5_k.h"

#include "backends/cpu/formats/k_scales.h"
#include "backends/cpu/formats/pack_format.h"

namespace dunlin::cpu {
namespace {

constexpr int kQh = 16;  // offsets in the file's block
constexpr int kQs = 48;

// Nibbles as in Q4_K; bit g of qh[l] is the top bit of element l of group g.
void pack(const uint8_t* block, int row, uint8_t*, uint8_t* body) {
  auto& panel = *reinterpret_cast<Q5KPanel*>(body);
  pack_k_scales(block, row, panel.scales);
  for (int g = 0; g < 8; ++g) {
    uint8_t q[32];
    for (int l = 0; l < 32; ++l)
      q[l] =
          uint8_t(((block[kQs + 32 * (g / 2) + l] >> (4 * (g & 1))) & 15) | ((block[kQh + l] >> g) & 1) << 4);
    for (int t = 0; t < 4; ++t) put_nibbles(q + 4 * t, row, panel.groups[g].qs[t]);
    put_fifth_bits(q, row, panel.groups[g].qh);
  }
}

void unpack(const uint8_t*, const uint8_t* body, int row, uint8_t* block) {
  const auto& panel = *reinterpret_cast<const Q5KPanel*>(body);
  unpack_k_scales(panel.scales, row, block);
  std::memset(block + kQh, 0, 32 + 128);
  for (int g = 0; g < 8; ++g) {
    uint8_t q[32];
    for (int t = 0; t < 4; ++t) take_nibbles(panel.groups[g].qs[t], row, q + 4 * t);
    take_fifth_bits(panel.groups[g].qh, row, q);
    for (int l = 0; l < 32; ++l) {
      block[kQs + 32 * (g / 2) + l] |= uint8_t((q[l] & 15) << (4 * (g & 1)));
      block[kQh + l] |= uint8_t((q[l] >> 4) << g);
    }
  }
}

}  // namespace

const PackFormat kPackQ5K = {DType::kQ5_K, 256, false, sizeof(Q5KPanel), &pack, &unpack};

}  // namespace dunlin::cpu
