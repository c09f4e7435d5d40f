// gemv: one row of activations times quantized matrices. A CTA takes strips_per_cta strips at a time; its warps
// share each strip's tiles (warp w: strip w % strips_per_cta, every n_parts-th tile from w / strips_per_cta), so
// the order of every sum is fixed. Each warp streams its tiles through a ring of its own in shared memory: the
// first are on their way before the row is there, and several always are. Results may be quantized for the next
// linear on the way out.
//
// Grid: any, at most ceil(n_strips / strips_per_cta). Block: 32 * strips_per_cta * parts. Dynamic shared memory:
// warps * n_stages * stage_bytes + n_tiles * kRow16TileBytes.
#include "backends/cuda/device/cp_async.cuh"
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/ops/emit_row.cuh"
#include "backends/cuda/ops/gemv_tiles.cuh"
#include "backends/cuda/ops/strip.cuh"

namespace dunlin::cuda {
namespace {

constexpr int kMaxWarps = 12;

// What a CTA is: which warp does what.
struct Roles {
  int n_slots, n_parts, slot, part;
};

__device__ __forceinline__ Roles roles_of(const LinearParams& p) {
  const int warp = threadIdx.x / 32, n_warps = blockDim.x / 32;
  return {p.strips_per_cta, n_warps / p.strips_per_cta, warp % p.strips_per_cta, warp / p.strips_per_cta};
}

// The order in which a warp meets its tiles: those of its strip, then of the strip a grid further.
struct TileCursor {
  int strip, tile;
  int tile_bytes;        // of 256 columns: for 32-element planes two small tiles, of which the last may lack one
  const uint8_t* from;
  const uint8_t* end;    // of the strip

  __device__ __forceinline__ void enter(const LinearParams& p, const Roles& r) {
    if (strip >= p.n_strips) return;
    const StripRef ref = strip_ref(p, strip);
    const LinearSegment& s = p.segments[ref.segment];
    const PlaneInfo info = plane_info(s.plane);
    tile = r.part;
    tile_bytes = info.tile_k == kTileK ? info.tile_bytes : 2 * info.tile_bytes;
    const uint8_t* tiles = strip_tiles(p, ref);
    from = tiles + tile * tile_bytes;
    end = tiles + s.strip_bytes;
  }
  __device__ __forceinline__ void next(const LinearParams& p, const Roles& r) {
    tile += r.n_parts;
    from += r.n_parts * tile_bytes;
    if (tile < p.n_tiles) return;
    strip += gridDim.x * r.n_slots;
    enter(p, r);
  }
  // Starts copying the tile into a stage; nothing beyond the last strip. Always one group.
  __device__ __forceinline__ void start_copy(const LinearParams& p, uint8_t* stage, int lane) const {
    if (strip < p.n_strips) {
      const int bytes = min(tile_bytes, int(end - from));
      const uint8_t* source = from + 16 * lane;
      uint8_t* to = stage + 16 * lane;
#pragma unroll 4
      for (int i = 16 * lane; i < bytes; i += 16 * kLanes, source += 16 * kLanes, to += 16 * kLanes)
        cp_async16(to, source);
    }
    cp_async_commit();
  }
};

// The row into shared memory. An earlier kernel wrote it: L2 has it, L1 must not.
__device__ __forceinline__ void copy_row(const LinearParams& p, uint8_t* row) {
  const uint4* from = reinterpret_cast<const uint4*>(p.x.codes);
  const int n = p.n_tiles * (kRow16TileBytes / 16);
  for (int i = threadIdx.x; i < n; i += blockDim.x) reinterpret_cast<uint4*>(row)[i] = __ldcg(from + i);
}

// A warp's sums over its lanes, into its row of the CTA's table.
__device__ __forceinline__ void store_partial(const float (&acc)[2], float (&to)[kStripRows]) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float v = acc[r];
    v += __shfl_xor_sync(0xffffffffu, v, 1);
    v += __shfl_xor_sync(0xffffffffu, v, 2);
    if (lane % 4 == 0) to[lane / 4 + 8 * r] = v;
  }
}

// 1 / rms of the raw row, by one warp, from the sums that its makers left.
__device__ __forceinline__ float norm_factor(const LinearParams& p) {
  float sum = 0;
  for (int i = threadIdx.x % 32; i < p.n_squares; i += 32) sum += __ldcg(p.x.squares + i);
#pragma unroll
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
  return rsqrtf(sum / float(p.k) + p.norm_eps);
}

// One output of a turn: thread 16 * slot + row finishes it. What it needs from memory is asked for when the
// turn begins.
struct Output {
  float* to;  // null: none
  float bias, residual, weight;
  int32_t column;
  bool in_group;  // of 16 outputs that exist, the row itself perhaps not

  __device__ __forceinline__ void prepare(const LinearParams& p, const Roles& r, int first_strip) {
    const int slot = threadIdx.x / kStripRows, row = threadIdx.x % kStripRows;
    to = nullptr;
    bias = residual = 0;
    in_group = slot < r.n_slots && first_strip + slot < p.n_strips && !(p.glu && slot % 2 != 0);
    column = 0;
    weight = 1;
    if (!in_group) return;
    const StripRef ref = strip_ref(p, first_strip + slot);
    const LinearSegment& s = p.segments[ref.segment];
    column = ref.row + row;
    if (column >= s.n) return;
    to = s.out + column;
    if (s.bias != nullptr) bias = __ldg(s.bias + column);
    if (s.residual != nullptr) residual = __ldcg(s.residual + column);
    weight = emission_weight(p.emission, column, true);
  }

  __device__ __forceinline__ void finish(const LinearParams& p, const Roles& r, float factor,
                                         const float (&partials)[kMaxWarps][kStripRows]) const {
    const int slot = threadIdx.x / kStripRows, row = threadIdx.x % kStripRows;
    // Whole warps stay together for the shuffles below.
    if (slot >= (r.n_slots + 1) / 2 * 2) return;
    float value = 0;
    if (slot < r.n_slots)
      for (int q = 0; q < r.n_parts; ++q) value += partials[q * r.n_slots + slot][row];
    value *= factor;
    // Slots alternate gate, up: the other one of the pair is 16 threads further.
    if (p.glu) value = silu(value) * __shfl_down_sync(0xffffffffu, value, kStripRows);
    value = to != nullptr ? value + bias + residual : 0.0f;
    if (to != nullptr) *to = value;
    if (p.emission.row.codes != nullptr) emit16(p.emission, column / 16 * 16, value, weight, in_group);
  }
};

__device__ __forceinline__ void wait_for_oldest(int n_stages) {
  if (n_stages == 2) {
    cp_async_wait<1>();
  } else if (n_stages == 3) {
    cp_async_wait<2>();
  } else {
    cp_async_wait<3>();
  }
  __syncwarp();
}

}  // namespace
}  // namespace dunlin::cuda

extern "C" __global__ void __launch_bounds__(384, 2) gemv(dunlin::cuda::LinearParams p) {
  using namespace dunlin::cuda;
  extern __shared__ __align__(16) uint8_t shared[];
  __shared__ float partials[2][kMaxWarps][kStripRows];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const Roles roles = roles_of(p);
  uint8_t* ring = shared + warp * p.n_stages * p.stage_bytes;
  uint8_t* row = shared + (blockDim.x / 32) * p.n_stages * p.stage_bytes;
  const int stride = gridDim.x * roles.n_slots;
  pdl_launch_dependents();
  TileCursor ahead{};
  ahead.strip = int(blockIdx.x) * roles.n_slots + roles.slot;
  ahead.enter(p, roles);
  for (int stage = 0; stage < p.n_stages; ++stage) {
    ahead.start_copy(p, ring + stage * p.stage_bytes, lane);
    ahead.next(p, roles);
  }
  pdl_wait();
  copy_row(p, row);
  Output output;
  int first_strip = blockIdx.x * roles.n_slots;
  output.prepare(p, roles, first_strip);
  // Outputs are finished by the first threads: their warps need the factor.
  float factor = 1;
  if (p.n_squares > 0 && warp * 2 < roles.n_slots) factor = norm_factor(p);
  __syncthreads();
  int stage = 0;
  for (int turn = 0; first_strip < p.n_strips; ++turn, first_strip += stride) {
    float acc[2] = {};
    const int strip = first_strip + roles.slot;
    const Plane plane = p.segments[strip_ref(p, min(strip, p.n_strips - 1)).segment].plane;
    for (int tile = roles.part; tile < p.n_tiles; tile += roles.n_parts) {
      uint8_t* bytes = ring + stage * p.stage_bytes;
      wait_for_oldest(p.n_stages);
      if (strip < p.n_strips) {
        TileInput x;
        x.load(row, p.n_tiles, tile, lane);
        add_tile(plane, bytes, x, tile * kTileK + 128 < p.k, lane, acc);
      }
      __syncwarp();  // all lanes have read the stage
      ahead.start_copy(p, bytes, lane);
      ahead.next(p, roles);
      stage = stage + 1 == p.n_stages ? 0 : stage + 1;
    }
    store_partial(acc, partials[turn % 2][warp]);
    // One barrier a turn: the other table is free once all warps have passed this one.
    __syncthreads();
    output.finish(p, roles, factor, partials[turn % 2]);
    output.prepare(p, roles, first_strip + stride);
  }
  cp_async_wait<0>();
}
