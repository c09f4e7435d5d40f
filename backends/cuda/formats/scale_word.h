// The scales of a W4K or W5K tile: a word for a row and lane column t (0..3), as plane.h places them.
//
//   bits    0-5 scale t   | 6-11 min t    | 12-15 nibble t of d
//          16-21 scale t+4 | 22-27 min t+4 | 28-31 nibble t of dmin
//
// What belongs together is 16 bits apart, so that one mask gives both halves of a pair of numbers.
#pragma once

#include <cstdint>

#include "backends/cuda/formats/host_device.h"

namespace dunlin::cuda {

// Of sub-blocks t (first) and t + 4 (second); halves: d | dmin << 16.
DUNLIN_HD uint32_t make_scale_word(const uint32_t (&scales)[2], const uint32_t (&mins)[2], uint32_t halves,
                                   int32_t t) {
  const uint32_t nibbles = (halves >> (4 * t) & 0x000f000fu) << 12;
  return scales[0] | mins[0] << 6 | scales[1] << 16 | mins[1] << 22 | nibbles;
}

// upper: of sub-block t + 4.
DUNLIN_HD uint32_t word_scale(uint32_t word, bool upper) {
  return word >> (upper ? 16 : 0) & 63u;
}
DUNLIN_HD uint32_t word_min(uint32_t word, bool upper) {
  return word >> (upper ? 22 : 6) & 63u;
}
// The part of d | dmin << 16 that the word of lane column t holds.
DUNLIN_HD uint32_t word_halves(uint32_t word, int32_t t) {
  return (word >> 12 & 0x000f000fu) << (4 * t);
}
// d | dmin << 16 of a row from its four words.
DUNLIN_HD uint32_t row_halves(uint32_t word0, uint32_t word1, uint32_t word2, uint32_t word3) {
  return word_halves(word0, 0) | word_halves(word1, 1) | word_halves(word2, 2) | word_halves(word3, 3);
}

}  // namespace dunlin::cuda
