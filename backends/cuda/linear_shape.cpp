#include "backends/cuda/linear_shape.h"

#include <algorithm>

#include "backends/cuda/device/activation.h"

namespace dunlin::cuda {
namespace {

constexpr int32_t kGemvWarps = 12;   // ops/gemv.cu: kMaxWarps
constexpr int32_t kSkinnyWarps = 8;  // ops/skinny.cu: launch bounds
constexpr int32_t kMinStages = 2, kMaxStages = 4;
// Shared memory that the system and the kernel itself take of a CTA's share.
constexpr int32_t kReservedShared = 3072;

int32_t divide_up(int32_t a, int32_t b) {
  return (a + b - 1) / b;
}

// A CTA's share of an SM: half, where the next kernel's CTAs come early.
int32_t shared_share(const DeviceLimits& limits) {
  return (limits.has_pdl ? limits.max_shared_bytes / 2 : limits.max_shared_bytes) - kReservedShared;
}

struct GemvSplit {
  int32_t strips = 1, parts = 1;
};

// Cycles of an SM, roughly: a turn's tiles come at memory's pace or, if there are few warps, at a tile's own;
// then the turn's sums are put together. Measured on H200; what matters is the order of the candidates.
double gemv_cost(const LinearSize& size, const GemvSplit& split, const DeviceLimits& limits) {
  constexpr double kBytesPerCycle = 19.5, kTileCycles = 1400, kTurnCycles = 400;
  const int32_t warps = split.strips * split.parts;
  const int32_t turns = divide_up(divide_up(size.n_strips, split.strips), limits.n_sm);
  const double tile = std::max(kTileCycles, warps * double(size.tile_bytes) / kBytesPerCycle);
  return turns * (divide_up(size.n_tiles, split.parts) * tile + kTurnCycles);
}

int32_t row_bytes_shared(const LinearSize& size) {
  return size.n_tiles * kRow16TileBytes;
}

bool fits(const LinearSize& size, const GemvSplit& split, int32_t n_stages, const DeviceLimits& limits) {
  return split.strips * split.parts * n_stages * size.tile_bytes + row_bytes_shared(size) <= shared_share(limits);
}

GemvSplit choose_gemv_split(const LinearSize& size, const DeviceLimits& limits) {
  const int32_t unit = size.glu ? 2 : 1;
  GemvSplit best{unit, 1};
  for (int32_t strips = unit; strips <= kGemvWarps; strips += unit) {
    for (int32_t parts = 1; strips * parts <= kGemvWarps && parts <= size.n_tiles; ++parts) {
      const GemvSplit split{strips, parts};
      if (fits(size, split, kMinStages, limits) && gemv_cost(size, split, limits) < gemv_cost(size, best, limits))
        best = split;
    }
  }
  return best;
}

LinearShape shape_gemv(const LinearSize& size, const DeviceLimits& limits, const Kernels& kernels) {
  LinearShape shape;
  const GemvSplit split = choose_gemv_split(size, limits);
  const int32_t warps = split.strips * split.parts;
  shape.kernel = kernels.gemv;
  shape.strips_per_cta = split.strips;
  shape.n_stages = kMinStages;
  while (shape.n_stages < kMaxStages && fits(size, split, shape.n_stages + 1, limits)) ++shape.n_stages;
  shape.grid.x = uint32_t(std::min(divide_up(size.n_strips, split.strips), limits.n_sm));
  shape.block = uint32_t(32 * warps);
  shape.shared_bytes = uint32_t(warps * shape.n_stages * size.tile_bytes + row_bytes_shared(size));
  return shape;
}

// Warps that share a strip's tiles: those that need the fewest turns, with a little for each warp, which is one
// more to wait for.
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
  while ((strips + unit) * parts <= kSkinnyWarps && size.n_strips / (strips + unit) >= limits.n_sm) strips += unit;
  const int32_t warps = parts * strips;
  shape.strips_per_cta = strips;
  shape.grid.x = uint32_t(divide_up(size.n_strips, strips));
  shape.grid.y = uint32_t(divide_up(size.n_rows, rows));
  shape.block = uint32_t(32 * warps);
  shape.shared_bytes = uint32_t(warps * kStripRows * rows) * uint32_t(sizeof(float));
  return shape;
}

}  // namespace

LinearShape shape_linear(const LinearSize& size, const DeviceLimits& limits, const Kernels& kernels) {
  return size.n_rows == 1 ? shape_gemv(size, limits, kernels) : shape_skinny(size, limits, kernels);
}

}  // namespace dunlin::cuda
