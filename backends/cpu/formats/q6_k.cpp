#include "backends/cpu/formats/q6_k.h"

#include "backends/cpu/formats/pack_format.h"

namespace dunlin::cpu {
namespace {

// The 32 elements of group g, the half g % 2 of their quad.
void pack_group(const uint8_t* q, int g, int row, Q6KPanel& panel) {
  Q6KQuad& quad = panel.quads[g / 2];
  for (int t = 0; t < 4; ++t) {
    put_nibbles(q + 4 * t, row, g % 2 == 0 ? quad.first[t].ql : quad.second[t]);
    put_two_bits<4>(q + 4 * t, g % 2, row, quad.first[t].qh);
  }
}

void unpack_group(const Q6KPanel& panel, int g, int row, uint8_t* q) {
  const Q6KQuad& quad = panel.quads[g / 2];
  for (int t = 0; t < 4; ++t) {
    take_nibbles(g % 2 == 0 ? quad.first[t].ql : quad.second[t], row, q + 4 * t);
    take_two_bits<4>(quad.first[t].qh, g % 2, row, q + 4 * t);
  }
}

int8_t& scale_at(Q6KPanel& panel, int j, int row) {
  return panel.quads[j / 4].sc[j % 4][row];
}
int8_t scale_at(const Q6KPanel& panel, int j, int row) {
  return panel.quads[j / 4].sc[j % 4][row];
}

// Q6_K in the file: ql[128], qh[64], sc[16], d. Group g = 4n + k has its nibbles in ql[64n + 32 (k % 2) + l],
// low for k < 2, and its top bits in bits 2k, 2k + 1 of qh[32n + l].
constexpr int kQh = 128;
constexpr int kSc = 192;
constexpr int kD = 208;

void pack(const uint8_t* block, int row, uint8_t* d, uint8_t* body) {
  auto& panel = *reinterpret_cast<Q6KPanel*>(body);
  std::memcpy(d + 2 * row, block + kD, 2);
  for (int j = 0; j < 16; ++j) scale_at(panel, j, row) = int8_t(block[kSc + j]);
  for (int g = 0; g < 8; ++g) {
    const int n = g / 4, k = g % 4;
    const uint8_t* ql = block + 64 * n + 32 * (k % 2);
    const uint8_t* qh = block + kQh + 32 * n;
    uint8_t q[32];
    for (int l = 0; l < 32; ++l)
      q[l] = uint8_t(((ql[l] >> (k < 2 ? 0 : 4)) & 15) | ((qh[l] >> (2 * k)) & 3) << 4);
    pack_group(q, g, row, panel);
  }
}

void unpack(const uint8_t* d, const uint8_t* body, int row, uint8_t* block) {
  const auto& panel = *reinterpret_cast<const Q6KPanel*>(body);
  std::memset(block, 0, kSc);
  for (int g = 0; g < 8; ++g) {
    const int n = g / 4, k = g % 4;
    uint8_t q[32];
    unpack_group(panel, g, row, q);
    for (int l = 0; l < 32; ++l) {
      block[64 * n + 32 * (k % 2) + l] |= uint8_t((q[l] & 15) << (k < 2 ? 0 : 4));
      block[kQh + 32 * n + l] |= uint8_t((q[l] >> 4) << (2 * k));
    }
  }
  for (int j = 0; j < 16; ++j) block[kSc + j] = uint8_t(scale_at(panel, j, row));
  std::memcpy(block + kD, d + 2 * row, 2);
}

// Q3_K in the file: hm[32], qs[64], sc[12], d. Element l of group g = 4n + k: low bits in bits 2k, 2k + 1 of
// qs[32n + l], top bit in bit g of hm[l]. Six-bit scale j: low bits in nibbles of sc[0..7], top bits in sc[8
// + j % 4].
constexpr int kQ3Qs = 32;
constexpr int kQ3Sc = 96;
constexpr int kQ3D = 108;
constexpr int kQ3Center = 32 - 4;  // Q6_K's zero point less Q3_K's

void pack_q3(const uint8_t* block, int row, uint8_t* d, uint8_t* body) {
  auto& panel = *reinterpret_cast<Q6KPanel*>(body);
  std::memcpy(d + 2 * row, block + kQ3D, 2);
  const uint8_t* sc = block + kQ3Sc;
  for (int j = 0; j < 16; ++j) {
    const int low = (sc[j % 8] >> (j < 8 ? 0 : 4)) & 15;
    const int high = (sc[8 + j % 4] >> (2 * (j / 4))) & 3;
    scale_at(panel, j, row) = int8_t((low | high << 4) - 32);
  }
  for (int g = 0; g < 8; ++g) {
    uint8_t q[32];
    for (int l = 0; l < 32; ++l) {
      const int low = (block[kQ3Qs + 32 * (g / 4) + l] >> (2 * (g % 4))) & 3;
      q[l] = uint8_t((low | ((block[l] >> g) & 1) << 2) + kQ3Center);
    }
    pack_group(q, g, row, panel);
  }
}

void unpack_q3(const uint8_t* d, const uint8_t* body, int row, uint8_t* block) {
  const auto& panel = *reinterpret_cast<const Q6KPanel*>(body);
  std::memset(block, 0, kQ3D);
  for (int g = 0; g < 8; ++g) {
    uint8_t q[32];
    unpack_group(panel, g, row, q);
    for (int l = 0; l < 32; ++l) {
      const int value = q[l] - kQ3Center;
      block[kQ3Qs + 32 * (g / 4) + l] |= uint8_t((value & 3) << (2 * (g % 4)));
      block[l] |= uint8_t((value >> 2) << g);
    }
  }
  uint8_t* sc = block + kQ3Sc;
  for (int j = 0; j < 16; ++j) {
    const int s = scale_at(panel, j, row) + 32;
    sc[j % 8] |= uint8_t((s & 15) << (j < 8 ? 0 : 4));
    sc[8 + j % 4] |= uint8_t((s >> 4) << (2 * (j / 4)));
  }
  std::memcpy(block + kQ3D, d + 2 * row, 2);
}

}  // namespace

const PackFormat kPackQ6K = {DType::kQ6_K, 256, true, sizeof(Q6KPanel), &pack, &unpack};
const PackFormat kPackQ3K = {DType::kQ3_K, 256, true, sizeof(Q6KPanel), &pack_q3, &unpack_q3};

}  // namespace dunlin::cpu
