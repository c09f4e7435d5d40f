#include "backends/cpu/formats/q2_k.h"

#include "backends/cpu/formats/pack_format.h"

namespace dunlin::cpu {
namespace {

constexpr int kQs = 16;  // offsets in the file's block; the 16 scale bytes come first
constexpr int kD = 80;
constexpr int kDmin = 82;

// Element l of group g = 4n + k: bits 2k, 2k + 1 of qs[32n + l].
void pack(const uint8_t* block, int row, uint8_t*, uint8_t* body) {
  auto& panel = *reinterpret_cast<Q2KPanel*>(body);
  panel.d[row] = load_as<uint16_t>(block + kD);
  panel.dmin[row] = load_as<uint16_t>(block + kDmin);
  for (int j = 0; j < 16; ++j) panel.sm[j][row] = block[j];
  for (int g = 0; g < 8; ++g) {
    uint8_t q[32];
    for (int l = 0; l < 32; ++l) q[l] = uint8_t(block[kQs + 32 * (g / 4) + l] >> (2 * (g % 4))) & 3;
    for (int t = 0; t < 4; ++t) put_two_bits<0>(q + 4 * t, g % 2, row, panel.qs[g / 2][t]);
  }
}

void unpack(const uint8_t*, const uint8_t* body, int row, uint8_t* block) {
  const auto& panel = *reinterpret_cast<const Q2KPanel*>(body);
  std::memset(block + kQs, 0, 64);
  for (int j = 0; j < 16; ++j) block[j] = panel.sm[j][row];
  for (int g = 0; g < 8; ++g) {
    uint8_t q[32] = {};
    for (int t = 0; t < 4; ++t) take_two_bits<0>(panel.qs[g / 2][t], g % 2, row, q + 4 * t);
    for (int l = 0; l < 32; ++l) block[kQs + 32 * (g / 4) + l] |= uint8_t(q[l] << (2 * (g % 4)));
  }
  store_as(block + kD, panel.d[row]);
  store_as(block + kDmin, panel.dmin[row]);
}

}  // namespace

const PackFormat kPackQ2K = {DType::kQ2_K, 256, false, sizeof(Q2KPanel), &pack, &unpack};

}  // namespace dunlin::cpu
