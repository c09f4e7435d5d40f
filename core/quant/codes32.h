// Where the codes of a block of 32 elements lie: the layout that Q4_0, Q4_1, Q5_0 and Q5_1 share.
//
//   qs[i], i < 16:   high nibble            low nibble
//                    code of element i+16   code of element i      (the low 4 bits of it)
//   qh, 32 bits:     bit e is bit 4 of the code of element e       (Q5_0 and Q5_1)
#pragma once

#include <cstdint>
#include <cstring>

namespace dunlin {

inline constexpr int kCodes32 = 32;

inline void pack_nibbles(const uint8_t (&codes)[kCodes32], uint8_t (&qs)[16]) {
  for (int i = 0; i < 16; ++i) qs[i] = uint8_t((codes[i] & 15) | (codes[i + 16] & 15) << 4);
}

inline void unpack_nibbles(const uint8_t (&qs)[16], uint8_t (&codes)[kCodes32]) {
  for (int i = 0; i < 16; ++i) {
    codes[i] = qs[i] & 15;
    codes[i + 16] = qs[i] >> 4;
  }
}

inline void pack_fifth_bits(const uint8_t (&codes)[kCodes32], uint8_t (&qh)[4]) {
  uint32_t bits = 0;
  for (int e = 0; e < kCodes32; ++e) bits |= uint32_t(codes[e] >> 4) << e;
  std::memcpy(qh, &bits, sizeof bits);
}

inline void add_fifth_bits(const uint8_t (&qh)[4], uint8_t (&codes)[kCodes32]) {
  uint32_t bits;
  std::memcpy(&bits, qh, sizeof bits);
  for (int e = 0; e < kCodes32; ++e) codes[e] |= uint8_t((bits >> e & 1) << 4);
}

}  // namespace dunlin
