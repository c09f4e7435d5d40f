#include "backends/cuda/linear_shape.h"

#include <algorithm>

namespace dunlin::cuda {
namespace {

constexpr int32_t kGemvWarps = 12;   // ops/gemv.cu: kMaxWarps
constexpr int32_t kSkinnyWarps = 8;  // ops/skinny.cu: launch bounds
constexpr int32_t kGemvCtasPerSm = 2;

constexpr uint32_t bit(Plane plane) {
  return 1u << uint32_t(plane);
}

Kernel<LinearParams> gemv_kernel(uint32_t planes, const Kernels& k) {
  if (planes == bit(Plane::kW4K)) return k.gemv_w4k;
  if (planes == bit(Plane::kW6K)) return k.gemv_w6k;
  if (planes == bit(Plane::kW5)) return k.gemv_w5;
  if (planes == bit(Plane::kW8)) return k.gemv_w8;
  if ((planes & ~(bit(Plane::kW4K) | bit(Plane::kW6K))) == 0) return k.gemv_w4k_w6k;
  if ((planes & ~(bit(Plane::kW5) | bit(Plane::kW8))) == 0) return k.gemv_w5_w8;
  return k.gemv_any;
}

// Warps that share a strip's tiles: those that leave the fewest idle in the last turn; of equals, more.
int32_t choose_parts(int32_t n_tiles, int32_t max_parts) {
  int32_t best = 1;
  double best_use = 0;
  for (int32_t parts = 1; parts <= std::min(n_tiles, max_parts); ++parts) {
    const int32_t turns = (n_tiles + parts - 1) / parts;
    const double use = double(n_tiles) / double(turns * parts) * (parts >= max_parts / 2 ? 1.0 : 0.9);
    if (use >= best_use) best = parts, best_use = use;
  }
  return best;
}

// Strips a CTA: as many as its warps allow while every SM still gets a CTA.
int32_t choose_strips(const LinearSize& size, int32_t parts, int32_t max_warps, int32_t n_sm) {
  const int32_t unit = size.glu ? 2 : 1;
  int32_t strips = unit;
  while ((strips + unit) * parts <= max_warps && size.n_strips / (strips + unit) >= n_sm) strips += unit;
  return strips;
}

// Matches divide_shared() of ops/gemv.cu.
uint32_t gemv_shared_bytes(const LinearSize& size) {
  const auto tiles = uint32_t(size.n_tiles);
  uint32_t bytes = 0;
  if (size.needs & 1) bytes += tiles * 256 + tiles * 32 + (tiles * 4 + 15) / 16 * 16;
  if (size.needs & 2) bytes += tiles * 256 + tiles * 32;
  return bytes;
}

LinearShape shape_gemv(const LinearSize& size, const DeviceLimits& limits, const Kernels& kernels) {
  LinearShape shape;
  shape.kernel = gemv_kernel(size.planes, kernels);
  const int32_t parts = choose_parts(size.n_tiles, size.glu ? kGemvWarps / 2 : kGemvWarps);
  shape.strips_per_cta = choose_strips(size, parts, kGemvWarps, limits.n_sm);
  const int32_t groups = (size.n_strips + shape.strips_per_cta - 1) / shape.strips_per_cta;
  // Equal turns for all CTAs, as nearly as possible.
  const int32_t resident = limits.n_sm * kGemvCtasPerSm;
  const int32_t turns = (groups + resident - 1) / resident;
  shape.grid.x = uint32_t((groups + turns - 1) / turns);
  shape.block = uint32_t(32 * parts * shape.strips_per_cta);
  shape.shared_bytes = gemv_shared_bytes(size);
  return shape;
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
  const int32_t parts = choose_parts(size.n_tiles, size.glu ? kSkinnyWarps / 2 : kSkinnyWarps);
  shape.strips_per_cta = choose_strips(size, parts, kSkinnyWarps, limits.n_sm);
  const int32_t warps = parts * shape.strips_per_cta;
  shape.grid.x = uint32_t((size.n_strips + shape.strips_per_cta - 1) / shape.strips_per_cta);
  shape.grid.y = uint32_t((size.n_rows + rows - 1) / rows);
  shape.block = uint32_t(32 * warps);
  shape.shared_bytes = uint32_t(warps * kStripRows * rows) * uint32_t(sizeof(float));
  return shape;
}

}  // namespace

LinearShape shape_linear(const LinearSize& size, const DeviceLimits& limits, const Kernels& kernels) {
  return size.n_rows == 1 ? shape_gemv(size, limits, kernels) : shape_skinny(size, limits, kernels);
}

}  // namespace dunlin::cuda
