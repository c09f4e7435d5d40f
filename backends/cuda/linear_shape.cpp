#include "backends/cuda/linear_shape.h"

#include <algorithm>

#include "backends/cuda/device/activation.h"
#include "backends/cuda/device/gemm_mma_stage.h"
#include "backends/cuda/divide_up.h"
#include "backends/cuda/mma_shape.h"

namespace dunlin::cuda {
namespace {

constexpr int32_t kGemvCtasPerSm = 2;
constexpr int32_t kSkinnyWarps = 8;  // ops/skinny.cu: launch bounds
constexpr int32_t kMinStages = 2;
// Two CTAs an SM have 55 KB and more on their way with two stages. More of the copy engine's work before the
// row only makes the row late (measured: 1.5B 724 us a token with four, 705 with two).
constexpr int32_t kMaxStagesByEngine = 2, kMaxStagesByLanes = 4;
// Shared memory that the system and the kernel itself take of a CTA's share.
constexpr int32_t kReservedShared = 3072;

// A CTA's share of an SM.
int32_t shared_share(const DeviceLimits& limits) {
  return limits.max_shared_bytes / kGemvCtasPerSm - kReservedShared;
}

// Where the row lies in a CTA's shared memory, and how large all of it is: GemvSplit.
int32_t gemv_row_at(const LinearSize& size, int32_t n_warps, int32_t n_stages) {
  return divide_up(gemv_stages_at(n_warps, n_stages) + n_warps * n_stages * size.tile_bytes, 128) * 128;
}
int32_t gemv_shared_bytes(const LinearSize& size, int32_t n_ctas, int32_t n_warps, int32_t n_stages) {
  const int32_t unit = size.glu ? 2 : 1;
  const int32_t strips = divide_up(size.n_strips / unit, n_ctas) * unit;
  return gemv_row_at(size, n_warps, n_stages) + size.n_tiles * kRow16TileBytes +
         (strips + n_warps) * kStripRows * int32_t(sizeof(float)) + 2 * strips;
}

LinearShape shape_gemv(const LinearSize& size, const DeviceLimits& limits, const Kernels& kernels) {
  LinearShape shape;
  shape.kernel = kernels.gemv;
  const int32_t unit = size.glu ? 2 : 1;
  // As many as fit: with one an SM, the scheduler may put two of the next kernel's beside each other while
  // other SMs have none (measured: 7B 436 tokens/s with one, 560 with two).
  const int32_t n_ctas = std::min(size.n_strips / unit, kGemvCtasPerSm * limits.n_sm);
  const int32_t tiles = divide_up(size.n_strips / unit, n_ctas) * unit * size.n_tiles;
  int32_t n_warps = std::min(tiles, gemv_max_warps(limits.code_architecture));
  while (n_warps > 1 && gemv_shared_bytes(size, n_ctas, n_warps, kMinStages) > shared_share(limits))
    --n_warps;
  GemvSplit& split = shape.gemv;
  split.strips = equal_runs(size.n_strips / unit, n_ctas);
  const int32_t fewer = split.strips.length * unit * size.n_tiles;
  split.tiles[0] = equal_runs(fewer + unit * size.n_tiles, n_warps);
  split.tiles[1] = equal_runs(fewer, n_warps);
  split.tile_reciprocal = uint32_t(((int64_t(1) << 31) + size.n_tiles - 1) / size.n_tiles);
  split.stage_bytes = size.tile_bytes;
  // No more than there are tiles: what a CTA leaves free, the next kernel's may take, and begin to load.
  const int32_t max_stages = limits.has_bulk_copy() ? kMaxStagesByEngine : kMaxStagesByLanes;
  const int32_t most = std::min(max_stages, divide_up(tiles, n_warps));
  split.n_stages = std::min(kMinStages, most);
  while (split.n_stages < most &&
         gemv_shared_bytes(size, n_ctas, n_warps, split.n_stages + 1) <= shared_share(limits))
    ++split.n_stages;
  shape.grid.x = uint32_t(n_ctas);
  shape.block = uint32_t(32 * n_warps);
  split.row_at = gemv_row_at(size, n_warps, split.n_stages);
  shape.shared_bytes = uint32_t(gemv_shared_bytes(size, n_ctas, n_warps, split.n_stages));
  return shape;
}

// Warps that share a strip's tiles: those that need the fewest turns, with a little for each warp, which is
// one more to wait for.
int32_t choose_skinny_parts(int32_t n_tiles, int32_t max_parts) {
  int32_t best = 1, best_cost = n_tiles * 8 + 1;
  for (int32_t parts = 2; parts <= std::min(n_tiles, max_parts); ++parts) {
    const int32_t cost = divide_up(n_tiles, parts) * 8 + parts;
    if (cost < best_cost) best = parts, best_cost = cost;
  }
  return best;
}

LinearShape shape_skinny(const LinearSize& size, const DeviceLimits& limits, const Kernels& kernels) {
  LinearShape shape;
  int32_t rows = 64;
  shape.kernel = kernels.skinny_64;
  if (size.n_rows <= 8) {
    rows = 8, shape.kernel = kernels.skinny_8;
  } else if (size.n_rows <= 16) {
    rows = 16, shape.kernel = kernels.skinny_16;
  } else if (size.n_rows <= 32) {
    rows = 32, shape.kernel = kernels.skinny_32;
  }
  const int32_t unit = size.glu ? 2 : 1;
  const int32_t parts = choose_skinny_parts(size.n_tiles, kSkinnyWarps / unit);
  int32_t strips = unit;
  // As many strips as its warps allow while every SM still gets a CTA.
  while ((strips + unit) * parts <= kSkinnyWarps && size.n_strips / (strips + unit) >= limits.n_sm)
    strips += unit;
  const int32_t warps = parts * strips;
  shape.strips_per_cta = strips;
  shape.grid.x = uint32_t(divide_up(size.n_strips, strips));
  shape.grid.y = uint32_t(divide_up(size.n_rows, rows));
  shape.block = uint32_t(32 * warps);
  shape.shared_bytes = uint32_t(warps * kStripRows * rows) * uint32_t(sizeof(float));
  return shape;
}

LinearShape shape_tiles(const LinearSize& size, const Kernels& kernels) {
  const MmaShape tiles = shape_mma(size);
  LinearShape shape;
  shape.kernel = kernels.gemm_mma;
  shape.grid.x = uint32_t(tiles.n_row_tiles * tiles.n_column_tiles);
  shape.block = uint32_t(kGemmThreads);
  shape.shared_bytes = uint32_t(tiles.shared_bytes);
  shape.n_row_tiles = tiles.n_row_tiles;
  return shape;
}

}  // namespace

LinearShape shape_linear(const LinearSize& size, const DeviceLimits& limits, const Kernels& kernels) {
  if (size.n_rows == 1) return shape_gemv(size, limits, kernels);
  return is_mma(size) ? shape_tiles(size, kernels) : shape_skinny(size, limits, kernels);
}

}  // namespace dunlin::cuda
