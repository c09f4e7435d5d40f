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
  int32_t elements;    // of K in a block
  bool paired_d;       // the 16 f16 scales of two blocks share a line before their bodies (pack.h)
  int32_t body_bytes;  // of a block of 16 rows
  // Writes row's part of a panel block, whose bytes are zero before its first row. d: the block's 16 f16
  // scales, if they are paired.
  void (*pack)(const uint8_t* block, int row, uint8_t* d, uint8_t* body);
  // The exact inverse.
  void (*unpack)(const uint8_t* d, const uint8_t* body, int row, uint8_t* block);
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

// Vector t of 32 elements of a row, q pointing at element 4t: byte 4r + i of a 64-byte vector holds bits of
// elements 4t + i and 16 + 4t + i of row r. Four bytes at a time.

inline void put_nibbles(const uint8_t* q, int row, uint8_t (&vector)[64]) {
  const uint32_t low = load_as<uint32_t>(q) & 0x0F0F0F0Fu;
  const uint32_t high = load_as<uint32_t>(q + 16) & 0x0F0F0F0Fu;
  store_as(vector + 4 * row, low | high << 4);
}
inline void take_nibbles(const uint8_t (&vector)[64], int row, uint8_t* q) {
  const uint32_t x = load_as<uint32_t>(vector + 4 * row);
  store_as(q, x & 0x0F0F0F0Fu);
  store_as(q + 16, (x >> 4) & 0x0F0F0F0Fu);
}

// Bits kBit, kBit + 1: the elements' of half 0 in the low and of half 1 in the high four bits of a byte.
template <int kBit>
void put_two_bits(const uint8_t* q, int half, int row, uint8_t (&vector)[64]) {
  const uint32_t first = (load_as<uint32_t>(q) >> kBit) & 0x03030303u;
  const uint32_t second = (load_as<uint32_t>(q + 16) >> kBit) & 0x03030303u;
  uint8_t* p = vector + 4 * row;
  store_as(p, load_as<uint32_t>(p) | (first | second << 2) << (4 * half));
}
// Adds the bits to what q holds.
template <int kBit>
void take_two_bits(const uint8_t (&vector)[64], int half, int row, uint8_t* q) {
  const uint32_t x = load_as<uint32_t>(vector + 4 * row) >> (4 * half);
  store_as(q, load_as<uint32_t>(q) | (x & 0x03030303u) << kBit);
  store_as(q + 16, load_as<uint32_t>(q + 16) | ((x >> 2) & 0x03030303u) << kBit);
}

// Bit 4 of each of the 32 elements q: bit t of byte 4r + i for element 4t + i.
inline void put_fifth_bits(const uint8_t* q, int row, uint8_t (&vector)[64]) {
  uint32_t x = 0;
  for (int t = 0; t < 8; ++t) x |= ((load_as<uint32_t>(q + 4 * t) >> 4) & 0x01010101u) << t;
  store_as(vector + 4 * row, x);
}
inline void take_fifth_bits(const uint8_t (&vector)[64], int row, uint8_t* q) {
  const uint32_t x = load_as<uint32_t>(vector + 4 * row);
  for (int t = 0; t < 8; ++t)
    store_as(q + 4 * t, load_as<uint32_t>(q + 4 * t) | ((x >> t) & 0x01010101u) << 4);
}

}  // namespace dunlin::cpu
