#include "backends/cuda/gemm_shape.h"

#include <algorithm>
#include <cstring>

#include "backends/cuda/divide_up.h"

namespace dunlin::cuda {
namespace {

constexpr uint32_t kThreads = 384;  // ops/gemm_wgmma.cu
// From so many tiles a CTA, consumers that take turns hide the stores.
constexpr int32_t kTurnsFromWaves = 4;

struct Choice {
  int32_t tile_columns;
  int32_t wave_cost;  // of a tile on every SM, relative; measured on an H200
};
constexpr Choice kChoices[] = {{64, 15}, {128, 24}, {192, 37}};

int32_t n_pairs_of(int32_t n_rows, int32_t n_columns, int32_t tile_columns) {
  return divide_up(n_rows, kGemmTileRows) * divide_up(n_columns, kGemmTilesOfPair * tile_columns);
}

}  // namespace

int32_t gemm_first_row(std::span<const int32_t> segments, int32_t segment, int32_t tile_columns) {
  int32_t row = 0;
  for (const int32_t n : segments.first(size_t(segment)))
    row = divide_up(row + n, tile_columns) * tile_columns;
  return row;
}

GemmShape shape_gemm(int32_t n_rows, std::span<const int32_t> segments, const DeviceLimits& limits,
                     const Kernels& kernels) {
  const int32_t n_clusters = std::max(1, limits.n_sm / 2);
  GemmShape shape;
  int32_t best = 0, best_pairs = 0;
  for (const Choice& c : kChoices) {
    const int32_t n_columns =
        gemm_first_row(segments, int32_t(segments.size()) - 1, c.tile_columns) + segments.back();
    const int32_t pairs = n_pairs_of(n_rows, n_columns, c.tile_columns);
    const int32_t cost = divide_up(pairs, n_clusters) * c.wave_cost;
    if (shape.tile_columns != 0 && cost >= best) continue;
    shape.tile_columns = c.tile_columns;
    best = cost, best_pairs = pairs;
  }
  const bool turns = divide_up(best_pairs, n_clusters) >= kTurnsFromWaves;
  shape.kernel = shape.tile_columns == 64    ? kernels.gemm_wgmma_64
                 : shape.tile_columns == 192 ? kernels.gemm_wgmma_192
                 : turns                     ? kernels.gemm_wgmma_128_turns
                                             : kernels.gemm_wgmma_128;
  shape.grid.x = uint32_t(2 * std::min(best_pairs, n_clusters));
  shape.block = kThreads;
  shape.shared_bytes = uint32_t(gemm_wgmma_shared_bytes(shape.tile_columns));
  return shape;
}

Result<TensorMap> gemm_operand_map(const Context& context, const uint16_t* halves, int64_t rows, int64_t k) {
  const cuuint64_t sizes[2] = {cuuint64_t(k), cuuint64_t(rows)};
  const cuuint64_t row_bytes[1] = {cuuint64_t(k) * sizeof(uint16_t)};
  const cuuint32_t box[2] = {cuuint32_t(kGemmK), cuuint32_t(kGemmBoxRows)}, steps[2] = {1, 1};
  CUtensorMap map;
  DUNLIN_RETURN_IF_ERROR(
      context.check(context.driver().cuTensorMapEncodeTiled(
                        &map, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, 2, const_cast<uint16_t*>(halves), sizes,
                        row_bytes, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                        CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
                    str_cat("describing a matrix of ", rows, " x ", k, " halves")));
  TensorMap words;
  static_assert(sizeof words == sizeof map);
  std::memcpy(&words, &map, sizeof map);
  return words;
}

}  // namespace dunlin::cuda
