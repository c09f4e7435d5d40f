// The file's blocks, element by element: the code of an element and the scales of its group, as integers. The
// truth about the bytes is core/quant; tests/unit/cuda compares. Used once per weight, while packing.
#pragma once

#include <cstdint>

#include "backends/cuda/formats/host_device.h"

namespace dunlin::cuda {

enum class RawType : int32_t { kQ4_0, kQ5_0, kQ8_0, kQ3_K, kQ4_K, kQ5_K, kQ6_K };

struct RawInfo {
  int32_t block_k;
  int32_t block_bytes;
};

DUNLIN_HD RawInfo raw_info(RawType type) {
  switch (type) {
    case RawType::kQ4_0:
      return {32, 18};
    case RawType::kQ5_0:
      return {32, 22};
    case RawType::kQ8_0:
      return {32, 34};
    case RawType::kQ3_K:
      return {256, 110};
    case RawType::kQ4_K:
      return {256, 144};
    case RawType::kQ5_K:
      return {256, 176};
    case RawType::kQ6_K:
      return {256, 210};
  }
  return {};
}

DUNLIN_HD uint32_t load_u16(const uint8_t* p) {
  return uint32_t(p[0]) | uint32_t(p[1]) << 8;
}

// Code of element e of a block: unsigned as stored, for Q8_0 the int8.
DUNLIN_HD int32_t raw_code(RawType type, const uint8_t* block, int32_t e) {
  switch (type) {
    case RawType::kQ4_0:
      return e < 16 ? block[2 + e] & 15 : block[2 + e - 16] >> 4;
    case RawType::kQ5_0: {
      const int32_t low = e < 16 ? block[6 + e] & 15 : block[6 + e - 16] >> 4;
      return low | (block[2 + e / 8] >> (e % 8) & 1) << 4;
    }
    case RawType::kQ8_0:
      return int8_t(block[2 + e]);
    case RawType::kQ3_K: {
      const int32_t low = block[32 + e / 128 * 32 + e % 32] >> (e / 32 % 4 * 2) & 3;
      return low | (block[e % 32] >> (e / 32) & 1) << 2;
    }
    case RawType::kQ4_K:
      return block[16 + e / 64 * 32 + e % 32] >> (e / 32 % 2 * 4) & 15;
    case RawType::kQ5_K: {
      const int32_t low = block[48 + e / 64 * 32 + e % 32] >> (e / 32 % 2 * 4) & 15;
      return low | (block[16 + e % 32] >> (e / 32) & 1) << 4;
    }
    case RawType::kQ6_K: {
      const int32_t low = block[e / 128 * 64 + e % 64] >> (e / 64 % 2 * 4) & 15;
      return low | (block[128 + e / 128 * 32 + e % 32] >> (e / 32 % 4 * 2) & 3) << 4;
    }
  }
  return 0;
}

// Q4_K and Q5_K: 6-bit scale and min of sub-block j of 32.
DUNLIN_HD uint32_t raw_scale(const uint8_t* block, int32_t j) {
  const uint8_t* s = block + 4;
  return j < 4 ? s[j] & 63u : (s[j + 4] & 15u) | (s[j - 4] >> 6) << 4;
}
DUNLIN_HD uint32_t raw_min(const uint8_t* block, int32_t j) {
  const uint8_t* s = block + 4;
  return j < 4 ? s[j + 4] & 63u : uint32_t(s[j + 4] >> 4) | (s[j] >> 6) << 4;
}

// Q6_K and Q3_K: signed scale of group j of 16.
DUNLIN_HD int32_t raw_scale16(RawType type, const uint8_t* block, int32_t j) {
  if (type == RawType::kQ6_K) return int8_t(block[192 + j]);
  const uint8_t* s = block + 96;
  const int32_t low = s[j % 8] >> (j < 8 ? 0 : 4) & 15;
  const int32_t high = s[8 + j % 4] >> (2 * (j / 4)) & 3;
  return (low | high << 4) - 32;
}

// The half that multiplies the whole block.
DUNLIN_HD uint32_t raw_d(RawType type, const uint8_t* block) {
  if (type == RawType::kQ6_K) return load_u16(block + 208);
  if (type == RawType::kQ3_K) return load_u16(block + 108);
  return load_u16(block);
}
DUNLIN_HD uint32_t raw_dmin(const uint8_t* block) {
  return load_u16(block + 2);
}

}  // namespace dunlin::cuda
