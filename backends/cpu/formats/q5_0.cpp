#include "backends/cpu/formats/q5_0.h"

#include "backends/cpu/formats/pack_format.h"

namespace dunlin::cpu {
namespace {

// 16 bytes of nibbles, elements 0..15 low and 16..31 high, and a word whose bit e belongs to element e.
void read_elements(const uint8_t* top, const uint8_t* nibbles, uint8_t (&q)[32]) {
  const uint32_t bits = load_as<uint32_t>(top);
  for (int e = 0; e < 16; ++e) {
    q[e] = uint8_t((nibbles[e] & 15) | ((bits >> e) & 1) << 4);
    q[e + 16] = uint8_t((nibbles[e] >> 4) | ((bits >> (e + 16)) & 1) << 4);
  }
}

void write_elements(const uint8_t (&q)[32], uint8_t* top, uint8_t* nibbles) {
  uint32_t bits = 0;
  for (int e = 0; e < 32; ++e) bits |= uint32_t(q[e] >> 4) << e;
  for (int e = 0; e < 16; ++e) nibbles[e] = uint8_t((q[e] & 15) | (q[e + 16] & 15) << 4);
  store_as(top, bits);
}

void pack_elements(const uint8_t* top, const uint8_t* nibbles, int row, FiveBitGroup& group) {
  uint8_t q[32];
  read_elements(top, nibbles, q);
  for (int t = 0; t < 4; ++t) put_nibbles(q + 4 * t, row, group.qs[t]);
  put_fifth_bits(q, row, group.qh);
}

void unpack_elements(const FiveBitGroup& group, int row, uint8_t* top, uint8_t* nibbles) {
  uint8_t q[32];
  for (int t = 0; t < 4; ++t) take_nibbles(group.qs[t], row, q + 4 * t);
  take_fifth_bits(group.qh, row, q);
  write_elements(q, top, nibbles);
}

// Q5_0 in the file: d, qh, qs. Q5_1: d, m, qh, qs.
void pack_q5_0(const uint8_t* block, int row, uint8_t* d, uint8_t* body) {
  std::memcpy(d + 2 * row, block, 2);
  pack_elements(block + 2, block + 6, row, *reinterpret_cast<FiveBitGroup*>(body));
}

void unpack_q5_0(const uint8_t* d, const uint8_t* body, int row, uint8_t* block) {
  std::memcpy(block, d + 2 * row, 2);
  unpack_elements(*reinterpret_cast<const FiveBitGroup*>(body), row, block + 2, block + 6);
}

void pack_q5_1(const uint8_t* block, int row, uint8_t*, uint8_t* body) {
  auto& panel = *reinterpret_cast<Q5_1Panel*>(body);
  panel.d[row] = load_as<uint16_t>(block);
  panel.m[row] = load_as<uint16_t>(block + 2);
  pack_elements(block + 4, block + 8, row, panel.group);
}

void unpack_q5_1(const uint8_t*, const uint8_t* body, int row, uint8_t* block) {
  const auto& panel = *reinterpret_cast<const Q5_1Panel*>(body);
  store_as(block, panel.d[row]);
  store_as(block + 2, panel.m[row]);
  unpack_elements(panel.group, row, block + 4, block + 8);
}

}  // namespace

const PackFormat kPackQ5_0 = {DType::kQ5_0, 32, true, sizeof(FiveBitGroup), &pack_q5_0, &unpack_q5_0};
const PackFormat kPackQ5_1 = {DType::kQ5_1, 32, false, sizeof(Q5_1Panel), &pack_q5_1, &unpack_q5_1};

}  // namespace dunlin::cpu
