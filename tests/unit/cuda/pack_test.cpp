// The packed planes hold exactly what the file's blocks hold. The packing code is the device's own, compiled
// for the host.
#include "backends/cuda/formats/pack.h"

#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "core/base/half.h"
#include "core/quant/format.h"

using namespace dunlin;
using namespace dunlin::cuda;

namespace {

struct PackCase {
  DType type;
  RawType raw;
  Plane plane;
};

constexpr PackCase kCases[] = {
    {DType::kQ4_0, RawType::kQ4_0, Plane::kW4},  {DType::kQ5_0, RawType::kQ5_0, Plane::kW5},
    {DType::kQ8_0, RawType::kQ8_0, Plane::kW8},  {DType::kQ3_K, RawType::kQ3_K, Plane::kW6K},
    {DType::kQ4_K, RawType::kQ4_K, Plane::kW4K}, {DType::kQ5_K, RawType::kQ5_K, Plane::kW5K},
    {DType::kQ6_K, RawType::kQ6_K, Plane::kW6K}};

constexpr uint8_t kGuard = 0xA5;
constexpr int kGuardBytes = 64;

struct Packed {
  std::vector<float> expected;  // [rows][k], by the file's codec
  std::vector<uint8_t> tiles;   // guards before and behind
};

Packed pack(const PackCase& c, int n_rows, int k) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0.2f, 1.0f);
  const auto bytes = size_t(row_bytes(c.type, uint64_t(k)));
  std::vector<float> values(size_t(n_rows * k));
  for (float& v : values) v = normal(random);
  std::vector<uint8_t> raw(size_t(n_rows) * bytes);
  Packed packed;
  packed.expected.resize(values.size());
  quant_format(c.type).quantize(values.data(), raw.data(), values.size());
  quant_format(c.type).dequantize(raw.data(), packed.expected.data(), values.size());
  RawStrip strip{c.raw, k, {}};
  for (int r = 0; r < kStripRows; ++r) strip.rows[r] = r < n_rows ? raw.data() + size_t(r) * bytes : nullptr;
  const PlaneInfo info = plane_info(c.plane);
  packed.tiles.assign(size_t(strip_bytes(c.plane, k)) + 2 * kGuardBytes, kGuard);
  for (int t = 0; t < n_tiles(c.plane, k); ++t)
    for (int lane = 0; lane < kLanes; ++lane)
      pack_tile_lane(strip, c.plane, int64_t(t) * info.tile_k, lane,
                     packed.tiles.data() + kGuardBytes + t * info.tile_bytes);
  return packed;
}

float element(Plane plane, const uint8_t* tiles, int row, int k) {
  const PlaneInfo info = plane_info(plane);
  const TileElement e = tile_element(plane, tiles + k / info.tile_k * info.tile_bytes, row, k % info.tile_k);
  const float scale = f16_to_f32(uint16_t(e.d)) * float(e.scale);
  return scale * float(e.code) - f16_to_f32(uint16_t(e.dmin)) * float(e.min);
}

}  // namespace

TEST_CASE("every element of a packed strip is the file's") {
  for (const PackCase& c : kCases) {
    const int block = int(dtype_info(c.type).block_elements);
    for (const int n_rows : {16, 5}) {
      for (const int k : {block, 3 * block, 512}) {
        INFO(dtype_name(c.type) << " rows " << n_rows << " k " << k);
        const Packed packed = pack(c, n_rows, k);
        const uint8_t* tiles = packed.tiles.data() + kGuardBytes;
        for (int r = 0; r < n_rows; ++r)
          for (int i = 0; i < k; ++i)
            REQUIRE(element(c.plane, tiles, r, i) == packed.expected[size_t(r * k + i)]);
      }
    }
  }
}

TEST_CASE("rows and columns that are not there are zeros") {
  for (const PackCase& c : kCases) {
    const int k = int(dtype_info(c.type).block_elements);
    const Packed packed = pack(c, 5, k);
    const int padded = n_tiles(c.plane, k) * plane_info(c.plane).tile_k;
    for (int r = 0; r < kStripRows; ++r)
      for (int i = r < 5 ? k : 0; i < padded; ++i)
        REQUIRE(element(c.plane, packed.tiles.data() + kGuardBytes, r, i) == 0.0f);
  }
}

TEST_CASE("packing writes all of a tile and nothing else") {
  for (const PackCase& c : kCases) {
    const Packed packed = pack(c, 16, 512);
    for (int i = 0; i < kGuardBytes; ++i) {
      CHECK(packed.tiles[size_t(i)] == kGuard);
      CHECK(packed.tiles[packed.tiles.size() - 1 - size_t(i)] == kGuard);
    }
    CHECK(plane_info(c.plane).tile_bytes % 16 == 0);
  }
}
