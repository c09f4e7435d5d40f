// pack_strips: rows as in the file to a plane's tiles; a warp a tile. Grid: ceil(n_strips * n_tiles / 8).
// Block: 256.
#include "backends/cuda/device/row_params.h"
#include "backends/cuda/formats/pack.h"

extern "C" __global__ void __launch_bounds__(256) pack_strips(dunlin::cuda::PackParams p) {
  using namespace dunlin::cuda;
  const int64_t index = int64_t(blockIdx.x) * 8 + threadIdx.x / 32;
  if (index >= int64_t(p.n_strips) * p.n_tiles) return;
  const int32_t strip = int32_t(index / p.n_tiles), tile = int32_t(index % p.n_tiles);
  RawStrip raw{p.type, p.k, {}};
  for (int32_t r = 0; r < kStripRows; ++r) {
    const int32_t row = strip * kStripRows + r;
    raw.rows[r] = row < p.n_rows ? p.rows + row * p.row_bytes : nullptr;
  }
  const PlaneInfo info = plane_info(p.plane);
  uint8_t* out = p.out + index * info.tile_bytes;
  pack_tile_lane(raw, p.plane, int64_t(tile) * info.tile_k, int32_t(threadIdx.x % 32), out);
}
