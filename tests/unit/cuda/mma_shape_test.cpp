// Tiles of ops/gemm_mma.cu: whatever the matrices and the device, they cover the outputs and fit.
#include "backends/cuda/mma_shape.h"

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

DeviceLimits device(int32_t n_sm, int32_t max_shared_bytes) {
  DeviceLimits limits;
  limits.n_sm = n_sm;
  limits.max_shared_bytes = max_shared_bytes;
  return limits;
}

const DeviceLimits kOrin = device(16, 163 << 10), kRtx4090 = device(128, 99 << 10),
                   kH200 = device(132, 227 << 10);

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
    const MmaShape one = shape_mma(size_of({{3584, Plane::kW4K}}, 3584, n_rows), kRtx4090);
    CHECK(one.n_column_tiles == 28);
    CHECK(one.n_row_tiles * one.n_rows >= n_rows);
    CHECK((one.n_row_tiles - 1) * one.n_rows < n_rows);
  }
  // Tiles do not reach over the end of a matrix; of gate and up they hold 64 pairs.
  CHECK(shape_mma(size_of({{130, Plane::kW4K}, {1, Plane::kW6K}}, 256, 512), kH200).n_column_tiles == 3);
  CHECK(shape_mma(size_of({{130, Plane::kW8}, {130, Plane::kW8}}, 256, 512, true), kH200).n_column_tiles == 3);
}

TEST_CASE("the stages of every plane fit every device") {
  for (const Plane plane : {Plane::kW4K, Plane::kW5K, Plane::kW6K, Plane::kW4, Plane::kW5, Plane::kW8}) {
    for (const DeviceLimits& limits : {kOrin, kRtx4090, kH200}) {
      for (const int32_t n_columns : {128, 3584, 18944}) {
        const MmaShape shape = shape_mma(size_of({{n_columns, plane}}, 3584, 512), limits);
        CHECK(shape.n_stages >= 2);
        CHECK(shape.n_stages * shape.stage_bytes <= limits.max_shared_bytes);
        CHECK(shape.stage_bytes == gemm_mma_stage_bytes(plane, shape.n_rows));
      }
    }
  }
  // Of planes side by side, the larger one's.
  const MmaShape mixed = shape_mma(size_of({{512, Plane::kW4K}, {512, Plane::kW8}}, 3584, 512), kRtx4090);
  CHECK(mixed.stage_bytes == gemm_mma_stage_bytes(Plane::kW8, mixed.n_rows));
}
