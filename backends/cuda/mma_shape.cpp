#include "backends/cuda/mma_shape.h"

#include <algorithm>

#include "backends/cuda/device/gemm_mma_stage.h"

namespace dunlin::cuda {
namespace {

constexpr int32_t kMinStages = 2, kMaxStages = 4;  // ops/gemm_mma.cu
// What a CTA's shared memory costs beside its own: the system's part.
constexpr int32_t kReservedShared = 1024;
// Of a turn of all SMs, relative: over tiles of 128 rows; over tiles of 64, one an SM, and two.
constexpr int32_t kLargeCost = 100, kSmallCost = 65, kPairCost = 100;

int32_t divide_up(int32_t a, int32_t b) {
  return (a + b - 1) / b;
}

// Segments of one launch share the ring, which is as large as the largest needs.
int32_t stage_bytes(const LinearSize& size, int32_t tile_rows) {
  int32_t bytes = 0;
  for (const LinearMatrix& m : size.matrices)
    bytes = std::max(bytes, gemm_mma_stage_bytes(m.plane, tile_rows));
  return bytes;
}

int32_t n_column_tiles(const LinearSize& size) {
  constexpr int32_t kColumns = kGemmStrips * kStripRows;
  if (size.glu) return divide_up(2 * size.matrices[0].n_columns, kColumns);
  int32_t tiles = 0;
  for (const LinearMatrix& m : size.matrices) tiles += divide_up(m.n_columns, kColumns);
  return tiles;
}

// A CTA's shared memory when an SM has two.
int32_t shared_half(const DeviceLimits& limits) {
  return (limits.max_shared_bytes - kReservedShared) / 2;
}

bool fits_twice(const LinearSize& size, const DeviceLimits& limits) {
  return kMinStages * stage_bytes(size, 64) <= shared_half(limits);
}

int32_t cost(const LinearSize& size, int32_t tile_rows, const DeviceLimits& limits) {
  const int32_t n = n_column_tiles(size) * divide_up(size.n_rows, tile_rows);
  if (tile_rows == 128) return divide_up(n, limits.n_sm) * kLargeCost;
  if (!fits_twice(size, limits)) return divide_up(n, limits.n_sm) * kSmallCost;
  const int32_t turns = n / (2 * limits.n_sm), rest = n % (2 * limits.n_sm);
  return turns * kPairCost + (rest > limits.n_sm ? kPairCost : rest > 0 ? kSmallCost : 0);
}

}  // namespace

// gate and up of a tile's outputs come in the same plane.
bool is_mma(const LinearSize& size) {
  return size.n_rows >= kMmaMinRows && (!size.glu || size.matrices[0].plane == size.matrices[1].plane);
}

MmaShape shape_mma(const LinearSize& size, const DeviceLimits& limits) {
  MmaShape shape;
  shape.n_rows = cost(size, 64, limits) <= cost(size, 128, limits) ? 64 : 128;
  shape.n_row_tiles = divide_up(size.n_rows, shape.n_rows);
  shape.n_column_tiles = n_column_tiles(size);
  shape.stage_bytes = stage_bytes(size, shape.n_rows);
  const bool twice = shape.n_rows == 64 && fits_twice(size, limits);
  const int32_t room = twice ? shared_half(limits) : limits.max_shared_bytes;
  shape.n_stages = std::clamp(room / shape.stage_bytes, kMinStages, kMaxStages);
  return shape;
}

}  // namespace dunlin::cuda
