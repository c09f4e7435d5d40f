// Tiles of ops/gemm_mma.cu: whatever the matrices, they cover the outputs and fit every device.
#include "backends/cuda/mma_shape.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "backends/cuda/device/gemm_mma_stage.h"

using namespace dunlin::cuda;

namespace {

LinearSize size_of(std::vector<LinearMatrix> matrices, int32_t k, int32_t n_rows, bool glu = false) {
  LinearSize size;
  size.matrices = std::move(matrices);
  for (const LinearMatrix& m : size.matrices) size.n_strips += (m.n_columns + kStripRows - 1) / kStripRows;
  size.n_tiles = n_tiles(Plane::kW4K, k);
  size.n_rows = n_rows;
  size.glu = glu;
  return size;
}

}  // namespace

TEST_CASE("few rows, and gate and up of different planes, are not multiplied tile by tile") {
  CHECK_FALSE(is_mma(size_of({{4096, Plane::kW4K}}, 4096, 64)));
  CHECK(is_mma(size_of({{4096, Plane::kW4K}}, 4096, 65)));
  CHECK(is_mma(size_of({{4096, Plane::kW4K}, {4096, Plane::kW4K}}, 4096, 512, true)));
  CHECK_FALSE(is_mma(size_of({{4096, Plane::kW4K}, {4096, Plane::kW6K}}, 4096, 512, true)));
  // Side by side every matrix has its own.
  CHECK(is_mma(size_of({{4096, Plane::kW4K}, {4096, Plane::kW6K}}, 4096, 512)));
}

TEST_CASE("tiles cover all outputs of all rows") {
  for (const int32_t n_rows : {65, 128, 512, 2048}) {
    const MmaShape one = shape_mma(size_of({{3584, Plane::kW4K}}, 3584, n_rows));
    CHECK(one.n_column_tiles == 28);
    CHECK(one.n_row_tiles * kGemmRows >= n_rows);
    CHECK((one.n_row_tiles - 1) * kGemmRows < n_rows);
  }
  // Tiles do not reach over the end of a matrix; of gate and up they hold 64 pairs.
  CHECK(shape_mma(size_of({{130, Plane::kW4K}, {1, Plane::kW6K}}, 256, 512)).n_column_tiles == 3);
  CHECK(shape_mma(size_of({{130, Plane::kW8}, {130, Plane::kW8}}, 256, 512, true)).n_column_tiles == 3);
}

TEST_CASE("two CTAs of every plane fit an SM of 100 KB") {
  constexpr int32_t kShared = 100 << 10, kReserved = 1024;
  int32_t largest = 0;
  for (const Plane plane : {Plane::kW4K, Plane::kW5K, Plane::kW6K, Plane::kW4, Plane::kW5, Plane::kW8}) {
    const int32_t bytes = shape_mma(size_of({{3584, plane}}, 3584, 512)).shared_bytes;
    CHECK(2 * (bytes + kReserved) <= kShared);
    largest = std::max(largest, bytes);
    // Side by side they have the larger one's.
    CHECK(shape_mma(size_of({{512, Plane::kW5K}, {512, plane}}, 3584, 512)).shared_bytes >= bytes);
  }
  CHECK(shape_mma(size_of({{512, Plane::kW5K}, {512, Plane::kW8}}, 3584, 512)).shared_bytes == largest);
}

TEST_CASE("the parts of a tile are the tile") {
  for (const Plane plane : {Plane::kW4K, Plane::kW5K, Plane::kW6K, Plane::kW4, Plane::kW5, Plane::kW8}) {
    const PlaneInfo info = plane_info(plane);
    const GemmStage stage = gemm_stage(plane);
    CHECK(stage.n_of_tile * stage.k == info.tile_k);
    const int32_t n_high = plane == Plane::kW6K ? 2 : 1;  // the others' high bits come with every part
    CHECK(stage.n_of_tile * stage.code_bytes + n_high * stage.high_bytes + stage.scale_bytes ==
          info.tile_bytes);
    CHECK(stage.n_of_tile * stage.row_bytes == kGroupRows * info.tile_k);
  }
}
