#include "backends/cuda/linear_shape.h"

#include <algorithm>

namespace dunlin::cuda {
namespace {

constexpr int32_t kGemvWarps = 10;   // ops/gemv.cu: kMaxWarps
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

// Warps that share a strip's tiles: those that need the fewest turns, with a little for each warp, which is
// one more to wait for.
int32_t choose_parts(int32_t n_tiles, int32_t max_parts) {
  int32_t best = 1, best_cost = n_tiles * 8 + 1;
  for (int32_t parts = 2; parts <= std::min(n_tiles, max_parts); ++parts) {
    const int32_t turns = (n_tiles + parts - 1) / parts;
    const int32_t cost = turns * 8 + parts;
    if (cost < best_cost) best = parts, best_cost = cost;
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

LinearShape shape_gemv(const LinearSize& size, const DeviceLimits& limits, const Kernels& kernels) {
  LinearShape shape;
  shape.kernel = gemv_kernel(size.planes, kernels);
  const int32_t parts = choose_parts(size.n_tiles, size.glu ? kGemvWarps / 2 : kGemvWarps);
  shape.strips_per_cta = choose_strips(size, parts, kGemvWarps, limits.n_sm);
  const int32_t groups = (size.n_strips + shape.strips_per_cta - 1) / shape.strips_per_cta;
  shape.grid.x = uint32_t(std::min(groups, limits.n_sm * kGemvCtasPerSm));
  shape.block = uint32_t(32 * parts * shape.strips_per_cta);
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
