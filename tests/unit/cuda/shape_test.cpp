// How launches are spread, over devices from an Orin to an H200: all work has somebody, and what is asked of
// a CTA fits it. Functions of sizes and limits alone; the entry points are stand-ins.
#include <algorithm>
#include <catch2/catch.hpp>

#include "backends/cuda/attention_shape.h"
#include "backends/cuda/gemm_shape.h"
#include "backends/cuda/linear_shape.h"

using namespace dunlin;
using namespace dunlin::cuda;

namespace {

constexpr int32_t kLimitsShared99 = 99 << 10, kShared163 = 163 << 10, kShared227 = 227 << 10;
// Of each CTA, the system's.
constexpr int32_t kSystemShared = 1024;

DeviceLimits limits(int32_t n_sm, int32_t compute_capability, int32_t shared, int32_t code) {
  DeviceLimits l;
  l.n_sm = n_sm, l.compute_capability = compute_capability, l.max_shared_bytes = shared;
  l.code_architecture = code;
  l.has_wgmma = code == 90;
  return l;
}

const std::vector<DeviceLimits>& devices() {
  static const std::vector<DeviceLimits> kDevices = {
      limits(14, 87, kShared163, 87),       // Orin, the smaller
      limits(82, 86, kLimitsShared99, 80),  // RTX 3090, code of 8.0
      limits(108, 80, kShared163, 80),      // A100
      limits(128, 89, kLimitsShared99, 89), limits(132, 90, kShared227, 90),
      limits(132, 90, kShared227, 87),  // PTX on Hopper
      limits(148, 100, kShared227, 80),     limits(170, 120, kLimitsShared99, 120)};
  return kDevices;
}

Kernels stand_ins() {
  Kernels kernels;
#define DUNLIN_STAND_IN(image, params, entry) kernels.entry.function = reinterpret_cast<CUfunction>(1);
  DUNLIN_CUDA_KERNELS(DUNLIN_STAND_IN)
#undef DUNLIN_STAND_IN
  return kernels;
}

struct Matrix {
  int32_t n, k;
};
// Of tiny models, 0.5B, 7B, 70B; odd ones; a vocabulary.
constexpr Matrix kMatrices[] = {{1, 32},       {17, 96},      {256, 256},     {896, 4864},
                                {9728, 896},   {3584, 18944}, {37888, 3584},  {8192, 28672},
                                {57344, 8192}, {151936, 896}, {128256, 8192}, {4113, 10752}};

LinearSize size_of(const Matrix& m, int32_t n_rows, Plane plane, bool glu) {
  const PlaneInfo info = plane_info(plane);
  LinearSize size;
  size.matrices.assign(glu ? 2 : 1, {m.n, plane});
  size.n_strips = int32_t(size.matrices.size()) * ((m.n + kStripRows - 1) / kStripRows);
  size.n_tiles = (m.k + kTileK - 1) / kTileK;
  size.n_rows = n_rows;
  size.glu = glu;
  size.tile_bytes = info.tile_bytes * (kTileK / info.tile_k);
  return size;
}

template <typename F>
void for_linears(int32_t n_rows, const F& f) {
  for (const DeviceLimits& device : devices())
    for (const Matrix& m : kMatrices)
      for (const Plane plane : {Plane::kW4, Plane::kW8, Plane::kW4K, Plane::kW6K})
        for (const bool glu : {false, true}) {
          CAPTURE(device.n_sm, device.compute_capability, device.code_architecture, m.n, m.k, int(plane), glu,
                  n_rows);
          f(device, size_of(m, n_rows, plane, glu));
        }
}

// The runs are adjacent, begin at 0 and end at `total`.
bool cover(const EqualRuns& runs, int32_t n, int32_t total) {
  if (runs.begin(0) != 0 || runs.begin(n) != total) return false;
  for (int32_t i = 0; i < n; ++i)
    if (runs.begin(i + 1) < runs.begin(i)) return false;
  return true;
}

void check_gemv(const DeviceLimits& device, const LinearSize& size, const LinearShape& shape) {
  const int32_t unit = size.glu ? 2 : 1, units = size.n_strips / unit;
  const auto n_ctas = int32_t(shape.grid.x), n_warps = int32_t(shape.block / 32);
  const GemvSplit& split = shape.gemv;
  CHECK(n_ctas >= 1);
  CHECK(n_ctas <= std::min(units, 2 * device.n_sm));
  CHECK(shape.block == uint32_t(32 * n_warps));
  CHECK(n_warps >= 1);
  CHECK(n_warps <= gemv_max_warps(device.code_architecture));  // its launch bounds
  CHECK(cover(split.strips, n_ctas, units));
  const int32_t fewer = split.strips.length * unit * size.n_tiles;
  CHECK(cover(split.tiles[0], n_warps, fewer + unit * size.n_tiles));
  CHECK(cover(split.tiles[1], n_warps, fewer));
  CHECK(split.n_stages >= 1);
  // The parts of its shared memory do not overlap.
  CHECK(split.row_at % 128 == 0);
  CHECK(split.row_at >= gemv_stages_at(n_warps, split.n_stages) + n_warps * split.n_stages * size.tile_bytes);
  const int32_t strips = (split.strips.length + (split.strips.n_longer > 0 ? 1 : 0)) * unit;
  CHECK(int32_t(shape.shared_bytes) >= split.row_at + size.n_tiles * kRow16TileBytes +
                                           (strips + n_warps) * kStripRows * int32_t(sizeof(float)) +
                                           2 * strips);
  CHECK(int32_t(shape.shared_bytes) <= device.max_shared_bytes - kSystemShared);
  // A tile's strip by multiplication.
  const int32_t last = fewer + unit * size.n_tiles - 1;
  for (const int32_t tile : {0, 1, size.n_tiles - 1, size.n_tiles, last / 2, last - 1, last}) {
    if (tile < 0 || tile > last) continue;
    CHECK(int32_t(uint64_t(tile) * split.tile_reciprocal >> 31) == tile / size.n_tiles);
  }
}

}  // namespace

TEST_CASE("a row's linear has all tiles, in CTAs that the kernel and the device take") {
  const Kernels kernels = stand_ins();
  for_linears(1, [&](const DeviceLimits& device, const LinearSize& size) {
    const LinearShape shape = shape_linear(size, device, kernels);
    CHECK(std::string(shape.kernel.name) == "gemv");
    check_gemv(device, size, shape);
  });
}

TEST_CASE("two CTAs of the linears of usual models fit an SM") {
  const Kernels kernels = stand_ins();
  for_linears(1, [&](const DeviceLimits& device, const LinearSize& size) {
    if (size.n_tiles > 74) return;  // k of 18944, 7B
    CHECK(2 * (int32_t(shape_linear(size, device, kernels).shared_bytes) + kSystemShared) <=
          device.max_shared_bytes + kSystemShared);
  });
}

TEST_CASE("linears of some rows have every strip and every row") {
  const Kernels kernels = stand_ins();
  for (const int32_t n_rows : {2, 8, 9, 16, 17, 32, 33, 64}) {
    const int32_t rows_of_cta = n_rows <= 8 ? 8 : n_rows <= 16 ? 16 : n_rows <= 32 ? 32 : 64;
    for_linears(n_rows, [&](const DeviceLimits& device, const LinearSize& size) {
      const LinearShape shape = shape_linear(size, device, kernels);
      CHECK(shape.kernel.name == str_cat("skinny_", rows_of_cta));
      CHECK(shape.strips_per_cta % (size.glu ? 2 : 1) == 0);
      CHECK(int32_t(shape.grid.x) * shape.strips_per_cta >= size.n_strips);
      CHECK((int32_t(shape.grid.x) - 1) * shape.strips_per_cta < size.n_strips);
      CHECK(int32_t(shape.grid.y) * rows_of_cta >= n_rows);
      CHECK(shape.block <= 256);  // its launch bounds
      const int32_t n_warps = int32_t(shape.block / 32);
      CHECK(n_warps % shape.strips_per_cta == 0);
      CHECK(int32_t(shape.shared_bytes) == n_warps * kStripRows * rows_of_cta * 4);
      CHECK(int32_t(shape.shared_bytes) <= device.max_shared_bytes - kSystemShared);
    });
  }
}

TEST_CASE("prefill GEMMs have all rows and columns, in pairs of CTAs") {
  const Kernels kernels = stand_ins();
  const DeviceLimits hopper = limits(132, 90, kShared227, 90);
  for (const int32_t n_sm : {2, 14, 78, 132}) {
    DeviceLimits device = hopper;
    device.n_sm = n_sm;
    for (const int32_t n_rows : {65, 128, 129, 512, 2048}) {
      for (const std::vector<int32_t>& segments : std::vector<std::vector<int32_t>>{
               {1}, {896}, {3584, 512, 512}, {37888}, {100, 1, 7, 64}, {151936}}) {
        const GemmShape shape = shape_gemm(n_rows, segments, device, kernels);
        CAPTURE(n_sm, n_rows, segments.size(), segments[0], shape.tile_columns);
        CHECK(std::string(shape.kernel.name).starts_with(str_cat("gemm_wgmma_", shape.tile_columns)));
        CHECK(shape.grid.x % 2 == 0);
        CHECK(shape.grid.x >= 2);
        CHECK(int32_t(shape.grid.x) <= n_sm);
        CHECK(int32_t(shape.shared_bytes) <= device.max_shared_bytes);
        int32_t end = 0;
        for (size_t s = 0; s < segments.size(); ++s) {
          const int32_t first = gemm_first_row(segments, int32_t(s), shape.tile_columns);
          CHECK(first % shape.tile_columns == 0);
          CHECK(first >= end);
          CHECK(first - end < shape.tile_columns);
          end = first + segments[s];
        }
      }
    }
  }
}

TEST_CASE("attention has a CTA for every row and head, and fits every device") {
  const Kernels kernels = stand_ins();
  struct Heads {
    int32_t n_head, n_head_kv;
  };
  for (const DeviceLimits& device : devices()) {
    for (const Heads& heads : {Heads{14, 2}, {28, 4}, {32, 8}, {64, 8}, {16, 16}, {32, 2}}) {
      for (const int32_t head_dim : {64, 128}) {
        for (const int32_t n_rows : {1, 8, 64, 512}) {
          KvView kv{};
          kv.format = KvFormat::kF16, kv.n_head_kv = heads.n_head_kv, kv.head_dim = head_dim;
          const AttentionAttrs attrs{0, heads.n_head, heads.n_head_kv, head_dim, 0.1f, 0};
          CAPTURE(device.n_sm, heads.n_head, heads.n_head_kv, head_dim, n_rows);
          const int32_t n_sequences = std::min(n_rows, 5);
          const AttentionShape shape = shape_attention(attrs, kv, n_rows, n_sequences, device, kernels);
          REQUIRE(shape.decode.function != nullptr);
          CHECK(int32_t(shape.decode_grid.x) == heads.n_head_kv);
          CHECK(int32_t(shape.decode_grid.z) == n_sequences);  // a row each
          CHECK(shape.decode_grid.y >= 1);
          CHECK(int32_t(shape.decode_grid.y) <= shape.n_splits);
          CHECK(shape.n_splits <= kMaxAttentionSplits);
          CHECK(int32_t(shape.decode_shared_bytes) <= device.max_shared_bytes - kSystemShared);
          CHECK(int32_t(shape.general_shared_bytes) <= device.max_shared_bytes - kSystemShared);
          CHECK(int32_t(shape.append_grid.x) == n_rows);
          CHECK(int32_t(shape.append_grid.y) * 4 >= heads.n_head + 2 * heads.n_head_kv);
          // The rows of all sequences in tiles of their own: one long beside single rows is the most.
          const int32_t longest = n_rows - (n_sequences - 1);
          const int32_t n_tiles = (longest + kPrefillTileRows - 1) / kPrefillTileRows + n_sequences - 1;
          CHECK(int32_t(shape.general_grid.x) >= n_tiles);
          CHECK(int32_t(shape.general_grid.y) == heads.n_head);
        }
      }
    }
  }
}
