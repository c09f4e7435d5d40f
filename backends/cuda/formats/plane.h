// Planes: the device's forms of a weight matrix. A quantized matrix is cut into strips of 16 rows and tiles
// of 256 (K types) or 128 (32-element types) columns; a tile is contiguous and a multiple of 16 bytes. Tiles
// of a strip are adjacent, strips follow one another. Lossless: the codes and scales of the file, re-ordered.
//
// A tile's bytes are in the order in which a warp feeds mma.m16n8k32: lane (g = lane / 4, t = lane % 4) owns
// the words a0..a3 of a sub-block of 32 columns:
//
//   word i holds row g + 8 * (i % 2), columns 16 * (i / 2) + 4 t + (0..3), a byte each
//
// Codes are stored so that a mask (and at most one shift or rotation) of the word gives the mma operand,
// times a power of two that the scale undoes ("unit"):
//
//   plane  operand           sections of a tile, in order
//   W4K    u8 q, 16 q        4 x 512 codes | 256 scales
//   W5K    u8 8 q            4 x 512 codes | 512 fifth bits | 256 scales
//   W6K    s8 4 (q - 32)     4 x 512 codes | 2 x 512 top bits | 256 scales | 32 d
//   W4     s8 16 (q - 8)     2 x 512 codes | 128 d
//   W5     s8 8 (q - 16)     2 x 512 codes | 256 fifth bits | 128 d
//   W8     s8 q              4 x 512 codes | 128 d
//
// Dense planes are rows as in the file (F16, BF16, F32); types without a plane of their own become F16.
#pragma once

#include <cstdint>

namespace dunlin::cuda {

enum class Plane : int32_t { kW4K, kW5K, kW6K, kW4, kW5, kW8, kF16, kBF16, kF32 };

inline constexpr int32_t kStripRows = 16;
inline constexpr int32_t kLanes = 32;

struct PlaneInfo {
  int32_t tile_k;      // columns of a tile; 0 for dense planes
  int32_t tile_bytes;  // or bytes of an element
  int32_t high_offset;
  int32_t scale_offset;
};

constexpr PlaneInfo plane_info(Plane plane) {
  switch (plane) {
    case Plane::kW4K:
      return {256, 2304, 0, 2048};
    case Plane::kW5K:
      return {256, 2816, 2048, 2560};
    case Plane::kW6K:
      return {256, 3360, 2048, 3072};
    case Plane::kW4:
      return {128, 1152, 0, 1024};
    case Plane::kW5:
      return {128, 1408, 1024, 1280};
    case Plane::kW8:
      return {128, 2176, 0, 2048};
    case Plane::kF16:
    case Plane::kBF16:
      return {0, 2, 0, 0};
    case Plane::kF32:
      return {0, 4, 0, 0};
  }
  return {};
}

constexpr bool is_quantized(Plane plane) {
  return plane <= Plane::kW8;
}
constexpr int32_t n_tiles(Plane plane, int64_t k) {
  const int32_t tile_k = plane_info(plane).tile_k;
  return int32_t((k + tile_k - 1) / tile_k);
}
constexpr int64_t strip_bytes(Plane plane, int64_t k) {
  return int64_t(n_tiles(plane, k)) * plane_info(plane).tile_bytes;
}

}  // namespace dunlin::cuda
