#include "backends/cpu/formats/q4_0.h"

#include "backends/cpu/formats/pack_format.h"

namespace dunlin::cpu {
namespace {

// The file's 16 bytes pair the elements as a panel does: e low, e + 16 high.
void pack_elements(const uint8_t* nibbles, int row, uint8_t (&qs)[4][64]) {
  for (int t = 0; t < 4; ++t) std::memcpy(qs[t] + 4 * row, nibbles + 4 * t, 4);
}

void unpack_elements(const uint8_t (&qs)[4][64], int row, uint8_t* nibbles) {
  for (int t = 0; t < 4; ++t) std::memcpy(nibbles + 4 * t, qs[t] + 4 * row, 4);
}

void pack_q4_0(const uint8_t* block, int row, uint8_t* d, uint8_t* body) {
  std::memcpy(d + 2 * row, block, 2);
  pack_elements(block + 2, row, reinterpret_cast<Q4_0Panel*>(body)->qs);
}

void unpack_q4_0(const uint8_t* d, const uint8_t* body, int row, uint8_t* block) {
  std::memcpy(block, d + 2 * row, 2);
  unpack_elements(reinterpret_cast<const Q4_0Panel*>(body)->qs, row, block + 2);
}

void pack_q4_1(const uint8_t* block, int row, uint8_t*, uint8_t* body) {
  auto& panel = *reinterpret_cast<Q4_1Panel*>(body);
  panel.d[row] = load_as<uint16_t>(block);
  panel.m[row] = load_as<uint16_t>(block + 2);
  pack_elements(block + 4, row, panel.qs);
}

void unpack_q4_1(const uint8_t*, const uint8_t* body, int row, uint8_t* block) {
  const auto& panel = *reinterpret_cast<const Q4_1Panel*>(body);
  store_as(block, panel.d[row]);
  store_as(block + 2, panel.m[row]);
  unpack_elements(panel.qs, row, block + 4);
}

}  // namespace

const PackFormat kPackQ4_0 = {DType::kQ4_0, 32, true, sizeof(Q4_0Panel), &pack_q4_0, &unpack_q4_0};
const PackFormat kPackQ4_1 = {DType::kQ4_1, 32, false, sizeof(Q4_1Panel), &pack_q4_1, &unpack_q4_1};

}  // namespace dunlin::cpu
