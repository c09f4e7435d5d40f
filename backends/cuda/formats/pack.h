// How a tile is made from 16 rows of the file, and how one of its elements is read back. One function per
// section of plane.h's table; pack_tile_part() is what one lane does. Rows outside the matrix and columns
// beyond K become zeros with zero scales.
#pragma once

#include <cstdint>

#include "backends/cuda/formats/plane.h"
#include "backends/cuda/formats/raw_block.h"
#include "backends/cuda/formats/scale_word.h"

namespace dunlin::cuda {

// 16 rows of a file matrix. row(r) may be null: zeros.
struct RawStrip {
  RawType type;
  int64_t k;
  const uint8_t* rows[kStripRows];
};

DUNLIN_HD const uint8_t* raw_block_at(const RawStrip& s, int32_t row, int64_t k) {
  const RawInfo info = raw_info(s.type);
  if (s.rows[row] == nullptr || k >= s.k) return nullptr;
  return s.rows[row] + k / info.block_k * info.block_bytes;
}

DUNLIN_HD uint32_t rotate_right(uint32_t word, int32_t n) {
  return word >> n | word << (32 - n);
}

// What a zero weight is stored as.
DUNLIN_HD int32_t zero_code(RawType type) {
  switch (type) {
    case RawType::kQ4_0:
      return 8;
    case RawType::kQ5_0:
      return 16;
    case RawType::kQ6_K:
      return 32;
    default:
      return 0;
  }
}

// The code that the plane keeps: Q3_K rides in the 6-bit plane.
DUNLIN_HD int32_t plane_code(const RawStrip& s, int32_t row, int64_t k) {
  const uint8_t* block = raw_block_at(s, row, k);
  if (block == nullptr) return s.type == RawType::kQ3_K ? 32 : zero_code(s.type);
  const int32_t code = raw_code(s.type, block, int32_t(k % raw_info(s.type).block_k));
  return s.type == RawType::kQ3_K ? code - 4 + 32 : code;
}

// Bit position in a byte of the low four bits, for sub-blocks whose operand is a mask of the word; the others
// are one rotation by 4 further.
constexpr int32_t nibble_shift(Plane plane) {
  return plane == Plane::kW5K || plane == Plane::kW5 ? 3 : plane == Plane::kW6K ? 2 : 0;
}
// The top bit of signed operands is stored inverted: an exclusive-or less while running.
constexpr int32_t stored_code(Plane plane, int32_t code) {
  return plane == Plane::kW4    ? code ^ 8
         : plane == Plane::kW5  ? code ^ 16
         : plane == Plane::kW6K ? code ^ 32
                                : code;
}

// Word i of the code chunk that holds sub-blocks 2c and 2c+1 of the tile (W8: sub-block c).
DUNLIN_HD uint32_t pack_code_word(const RawStrip& s, Plane plane, int64_t tile_k0, int32_t chunk,
                                  int32_t lane, int32_t i) {
  const int32_t row = lane / 4 + 8 * (i % 2);
  const int32_t column = 16 * (i / 2) + 4 * (lane % 4);
  uint32_t word = 0;
  for (int32_t b = 0; b < 4; ++b) {
    if (plane == Plane::kW8) {
      word |= uint32_t(uint8_t(plane_code(s, row, tile_k0 + 32 * chunk + column + b))) << (8 * b);
      continue;
    }
    const int64_t k = tile_k0 + 64 * chunk + column + b;
    const int32_t shift = 8 * b + nibble_shift(plane);
    const uint32_t even = uint32_t(stored_code(plane, plane_code(s, row, k)) & 15);
    const uint32_t odd = uint32_t(stored_code(plane, plane_code(s, row, k + 32)) & 15);
    word |= even << shift;
    word |= nibble_shift(plane) == 0 ? odd << (shift + 4) : rotate_right(odd << shift, 4);
  }
  return word;
}

// Word i (of 4; W5: of 2) of the plane of high bits; half: which 128 columns of a W6K tile.
DUNLIN_HD uint32_t pack_high_word(const RawStrip& s, Plane plane, int64_t tile_k0, int32_t half, int32_t lane,
                                  int32_t i) {
  uint32_t word = 0;
  const int32_t n_sub_blocks = plane == Plane::kW5K ? 8 : 4;
  const int32_t n_words = plane == Plane::kW5 ? 2 : 1;  // operand words that share a stored word
  for (int32_t e = 0; e < n_words; ++e) {
    const int32_t a = n_words * i + e;
    const int32_t row = lane / 4 + 8 * (a % 2);
    for (int32_t j = 0; j < n_sub_blocks; ++j) {
      for (int32_t b = 0; b < 4; ++b) {
        const int64_t k = tile_k0 + 128 * half + 32 * j + 16 * (a / 2) + 4 * (lane % 4) + b;
        const uint32_t high = uint32_t(stored_code(plane, plane_code(s, row, k))) >> 4;
        word |= high << (8 * b + (plane == Plane::kW6K ? 2 * j : 4 * e + j));
      }
    }
  }
  return word;
}

// Scale word of a row of a K tile for lane column t (0..3).
//   W4K, W5K: scale_word.h
//   W6K: int8 scales 2t, 2t+1, 8+2t, 8+2t+1
DUNLIN_HD uint32_t pack_scale_word(const RawStrip& s, Plane plane, int64_t tile_k0, int32_t row, int32_t t) {
  const uint8_t* block = raw_block_at(s, row, tile_k0);
  if (block == nullptr) return 0;
  if (plane == Plane::kW6K) {
    const int32_t groups[4] = {2 * t, 2 * t + 1, 8 + 2 * t, 8 + 2 * t + 1};
    uint32_t word = 0;
    for (int32_t i = 0; i < 4; ++i)
      word |= uint32_t(uint8_t(raw_scale16(s.type, block, groups[i]))) << (8 * i);
    return word;
  }
  const uint32_t halves = raw_d(s.type, block) | raw_dmin(block) << 16;
  const uint32_t scales[2] = {raw_scale(block, t), raw_scale(block, t + 4)};
  const uint32_t mins[2] = {raw_min(block, t), raw_min(block, t + 4)};
  return make_scale_word(scales, mins, halves, t);
}

// Scale word of a lane of a 32-element tile: halves d of sub-block t, rows g and g + 8.
DUNLIN_HD uint32_t pack_scale_pair(const RawStrip& s, int64_t tile_k0, int32_t lane) {
  uint32_t word = 0;
  for (int32_t e = 0; e < 2; ++e) {
    const uint8_t* block = raw_block_at(s, lane / 4 + 8 * e, tile_k0 + 32 * (lane % 4));
    if (block != nullptr) word |= raw_d(s.type, block) << (16 * e);
  }
  return word;
}

DUNLIN_HD void store_words(uint8_t* to, const uint32_t* words, int32_t n) {
  for (int32_t i = 0; i < n; ++i)
    for (int32_t b = 0; b < 4; ++b) to[4 * i + b] = uint8_t(words[i] >> (8 * b));
}

// Writes what lane `lane` owns of the tile.
DUNLIN_HD void pack_tile_lane(const RawStrip& s, Plane plane, int64_t tile_k0, int32_t lane, uint8_t* tile) {
  const PlaneInfo info = plane_info(plane);
  const int32_t g = lane / 4, t = lane % 4;
  const int32_t n_chunks = (info.high_offset > 0 ? info.high_offset : info.scale_offset) / 512;
  uint32_t words[4];
  for (int32_t c = 0; c < n_chunks; ++c) {
    for (int32_t i = 0; i < 4; ++i) words[i] = pack_code_word(s, plane, tile_k0, c, lane, i);
    store_words(tile + 512 * c + 16 * lane, words, 4);
  }
  if (info.high_offset > 0) {
    const int32_t n_words = plane == Plane::kW5 ? 2 : 4;
    for (int32_t half = 0; half < (plane == Plane::kW6K ? 2 : 1); ++half) {
      for (int32_t i = 0; i < n_words; ++i) words[i] = pack_high_word(s, plane, tile_k0, half, lane, i);
      store_words(tile + info.high_offset + 512 * half + 4 * n_words * lane, words, n_words);
    }
  }
  uint8_t* scales = tile + info.scale_offset;
  if (info.tile_k == 256) {
    for (int32_t i = 0; i < 2; ++i) words[i] = pack_scale_word(s, plane, tile_k0, g + 8 * i, t);
    store_words(scales + 8 * lane, words, 2);
    if (plane == Plane::kW6K && lane < kStripRows) {
      const uint8_t* block = raw_block_at(s, lane, tile_k0);
      const uint32_t d = block == nullptr ? 0 : raw_d(s.type, block);
      scales[256 + 2 * lane] = uint8_t(d);
      scales[256 + 2 * lane + 1] = uint8_t(d >> 8);
    }
  } else {
    words[0] = pack_scale_pair(s, tile_k0, lane);
    store_words(scales + 4 * lane, words, 1);
  }
}

// Reading back: the integer operand (code minus its offset) and the scales of one element of a tile.
struct TileElement {
  int32_t code;   // W4K, W5K: unsigned; others: signed
  int32_t scale;  // K types: the group's integer scale, else 1
  int32_t min;    // W4K, W5K
  uint32_t d;     // half bits
  uint32_t dmin;  // half bits
};

DUNLIN_HD uint32_t load_word(const uint8_t* p) {
  return uint32_t(p[0]) | uint32_t(p[1]) << 8 | uint32_t(p[2]) << 16 | uint32_t(p[3]) << 24;
}

DUNLIN_HD int32_t tile_code(Plane plane, const uint8_t* tile, int32_t row, int32_t k) {
  const PlaneInfo info = plane_info(plane);
  const int32_t j = k / 32, r = k % 32;
  const int32_t i = row / 8 + 2 * (r / 16), lane = row % 8 * 4 + r % 16 / 4, b = r % 4;
  if (plane == Plane::kW8) return int8_t(tile[512 * j + 16 * lane + 4 * i + b]);
  const uint32_t word = load_word(tile + 512 * (j / 2) + 16 * lane + 4 * i);
  const int32_t shift = nibble_shift(plane);
  const bool odd = j % 2 != 0;
  uint32_t stored = 0;
  if (shift == 0) {
    stored = word >> (8 * b + (odd ? 4 : 0)) & 15;
  } else {
    stored = (odd ? rotate_right(word, 28) : word) >> (8 * b + shift) & 15;
  }
  if (plane == Plane::kW6K) {
    const uint32_t high = load_word(tile + info.high_offset + 512 * (j / 4) + 16 * lane + 4 * i);
    stored |= (high >> (8 * b + 2 * (j % 4)) & 3) << 4;
    return int32_t(stored ^ 32) - 32;
  }
  if (plane == Plane::kW5K) {
    const uint32_t high = load_word(tile + info.high_offset + 16 * lane + 4 * i);
    return int32_t(stored | (high >> (8 * b + j) & 1) << 4);
  }
  if (plane == Plane::kW5) {
    const uint32_t high = load_word(tile + info.high_offset + 8 * lane + 4 * (i / 2));
    stored |= (high >> (8 * b + 4 * (i % 2) + j) & 1) << 4;
    return int32_t(stored ^ 16) - 16;
  }
  return plane == Plane::kW4 ? int32_t(stored ^ 8) - 8 : int32_t(stored);
}

DUNLIN_HD TileElement tile_element(Plane plane, const uint8_t* tile, int32_t row, int32_t k) {
  const PlaneInfo info = plane_info(plane);
  const uint8_t* scales = tile + info.scale_offset;
  const int32_t j = k / 32;
  TileElement e{tile_code(plane, tile, row, k), 1, 0, 0, 0};
  if (info.tile_k == 128) {
    e.d = load_word(scales + 4 * (4 * (row % 8) + j)) >> (16 * (row / 8)) & 0xffffu;
    return e;
  }
  const uint8_t* row_words = scales + 8 * (4 * (row % 8)) + 4 * (row / 8);
  if (plane == Plane::kW6K) {
    const int32_t group = k / 16;
    const uint32_t word = load_word(row_words + 8 * (group % 8 / 2));
    e.scale = int8_t(word >> (8 * (group % 2 + 2 * (group / 8))));
    e.d = load_u16(scales + 256 + 2 * row);
    return e;
  }
  const uint32_t word = load_word(row_words + 8 * (j % 4));
  e.scale = int32_t(word_scale(word, j >= 4));
  e.min = int32_t(word_min(word, j >= 4));
  uint32_t halves = 0;
  for (int32_t t = 0; t < 4; ++t) halves |= word_halves(load_word(row_words + 8 * t), t);
  e.d = halves & 0xffffu;
  e.dmin = halves >> 16;
  return e;
}

}  // namespace dunlin::cuda
