// How one block of one row enters and leaves a P16 panel: a row of the table in pack.cpp, one per weight
// type. The block orders on disk are those of core/quant; the panel orders are drawn in this folder's
// headers.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/tensor/dtype.h"

namespace dunlin::cpu {

struct PackFormat {
  DType type;
  int32_t elements;     // of K in a block
  int32_t plane_bytes;  // of a block in the panel's scale plane, or 0
  int32_t body_bytes;   // of a block of 16 rows
  // Writes row's part of a panel block. plane and body are those of the block and are zero before the first
  // row.
  void (*pack)(const uint8_t* block, int row, uint8_t* plane, uint8_t* body);
  // The exact inverse.
  void (*unpack)(const uint8_t* plane, const uint8_t* body, int row, uint8_t* block);
};

extern const PackFormat kPackQ2K, kPackQ3K, kPackQ4K, kPackQ5K, kPackQ6K;
extern const PackFormat kPackQ4_0, kPackQ4_1, kPackQ5_0, kPackQ5_1, kPackQ8_0;
extern const PackFormat kPackF32, kPackF16, kPackBF16;

template <typename T>
T load_as(const uint8_t* p) {
  T x;
  std::memcpy(&x, p, sizeof x);
  return x;
}
template <typename T>
void store_as(uint8_t* p, T x) {
  std::memcpy(p, &x, sizeof x);
}

// The bit planes of 32 elements q of one row, four bytes at a time. Element 4t + i and 16 + 4t + i share byte
// 4r + i of vector t.

inline void put_nibbles(const uint8_t* q, int row, uint8_t (&qs)[4][64]) {
  for (int t = 0; t < 4; ++t) {
    const uint32_t low = load_as<uint32_t>(q + 4 * t) & 0x0F0F0F0Fu;
    const uint32_t high = load_as<uint32_t>(q + 16 + 4 * t) & 0x0F0F0F0Fu;
    store_as(qs[t] + 4 * row, low | high << 4);
  }
}
inline void take_nibbles(const uint8_t (&qs)[4][64], int row, uint8_t* q) {
  for (int t = 0; t < 4; ++t) {
    const uint32_t x = load_as<uint32_t>(qs[t] + 4 * row);
    store_as(q + 4 * t, x & 0x0F0F0F0Fu);
    store_as(q + 16 + 4 * t, (x >> 4) & 0x0F0F0F0Fu);
  }
}

// Bit 4 of every element: one vector for 32.
inline void put_fifth_bits(const uint8_t* q, int row, uint8_t (&qh)[64]) {
  uint32_t x = 0;
  for (int t = 0; t < 8; ++t) x |= ((load_as<uint32_t>(q + 4 * t) >> 4) & 0x01010101u) << t;
  store_as(qh + 4 * row, x);
}
inline void take_fifth_bits(const uint8_t (&qh)[64], int row, uint8_t* q) {
  const uint32_t x = load_as<uint32_t>(qh + 4 * row);
  for (int t = 0; t < 8; ++t)
    store_as(q + 4 * t, load_as<uint32_t>(q + 4 * t) | ((x >> t) & 0x01010101u) << 4);
}

// Bits kBit, kBit + 1 of the elements of group g: four vectors for the groups 2u and 2u + 1.
template <int kBit>
void put_two_bits(const uint8_t* q, int g, int row, uint8_t (&qs)[4][64]) {
  const int shift = 4 * (g & 1);
  for (int t = 0; t < 4; ++t) {
    const uint32_t first = (load_as<uint32_t>(q + 4 * t) >> kBit) & 0x03030303u;
    const uint32_t second = (load_as<uint32_t>(q + 16 + 4 * t) >> kBit) & 0x03030303u;
    uint8_t* p = qs[t] + 4 * row;
    store_as(p, load_as<uint32_t>(p) | first << shift | second << (shift + 2));
  }
}
template <int kBit>
void take_two_bits(const uint8_t (&qs)[4][64], int g, int row, uint8_t* q) {
  const int shift = 4 * (g & 1);
  for (int t = 0; t < 4; ++t) {
    const uint32_t x = load_as<uint32_t>(qs[t] + 4 * row) >> shift;
    uint8_t* first = q + 4 * t;
    uint8_t* second = q + 16 + 4 * t;
    store_as(first, load_as<uint32_t>(first) | (x & 0x03030303u) << kBit);
    store_as(second, load_as<uint32_t>(second) | ((x >> 2) & 0x03030303u) << kBit);
  }
}

}  // namespace dunlin::cpu
