// gemv: one row of activations times quantized matrices. Every CTA takes a run of neighbouring strips (with
// glu, of gate and up pairs), and every warp of it a run of their tiles, as equal as can be. Each warp
// streams its tiles through a ring of its own in shared memory: the first are on their way before the row is
// there, and several always are. One barrier, then the warps' sums are put together in order and the outputs
// finished, for the next linear quantized if it wants them so. The order of every sum depends on the launch
// shape only.
//
// Grid: at most n_strips (glu: n_strips / 2). Block: 32 * warps. Dynamic shared memory: gemv_shared_bytes().
#include "backends/cuda/device/cp_async.cuh"
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/ops/emit_row.cuh"
#include "backends/cuda/ops/gemv_tiles.cuh"
#include "backends/cuda/ops/strip.cuh"

namespace dunlin::cuda {
namespace {

constexpr int kMaxWarps = 12;

// Tiles [begin, end) of the CTA's strips, counted from its first.
struct TileRun {
  int begin, end;
};

// A total cut into n runs whose lengths differ by one at most; the longer ones come first.
struct EqualRuns {
  int length, n_longer;

  __device__ __forceinline__ EqualRuns(int total, int n) : length(int(uint32_t(total) / uint32_t(n))) {
    n_longer = total - length * n;
  }
  __device__ __forceinline__ int begin(int i) const { return i * length + min(i, n_longer); }
};

// A place in a run: the tile of a strip, and its bytes.
struct TileCursor {
  int at, end;      // of the run
  int strip, tile;  // of the launch, of the strip
  int tile_bytes;   // of 256 columns: for 32-element planes two small tiles, of which the last may lack one
  const uint8_t* from;
  const uint8_t* strip_end;
  Plane plane;

  __device__ __forceinline__ TileCursor(const LinearParams& p, int first_strip, const TileRun& run)
      : at(run.begin), end(run.end), strip(first_strip + run.begin / p.n_tiles), tile(run.begin % p.n_tiles) {
    enter(p);
  }
  __device__ __forceinline__ void enter(const LinearParams& p) {
    const StripRef ref = strip_ref(p, min(strip, p.n_strips - 1));
    const LinearSegment& s = p.segments[ref.segment];
    const PlaneInfo info = plane_info(s.plane);
    plane = s.plane;
    tile_bytes = info.tile_k == kTileK ? info.tile_bytes : 2 * info.tile_bytes;
    const uint8_t* tiles = strip_tiles(p, ref);
    from = tiles + tile * tile_bytes;
    strip_end = tiles + s.strip_bytes;
  }
  __device__ __forceinline__ void next(const LinearParams& p) {
    ++at, ++tile, from += tile_bytes;
    if (tile < p.n_tiles) return;
    ++strip, tile = 0;
    if (at < end) enter(p);
  }
  // Starts copying the tile into a stage; nothing beyond the run. Always one group.
  __device__ __forceinline__ void start_copy(uint8_t* stage, int lane) const {
    if (at < end) {
      const int bytes = min(tile_bytes, int(strip_end - from));
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

// 1 / rms of the raw row, by one warp, from the sums that its makers left.
__device__ __forceinline__ float norm_factor(const LinearParams& p) {
  float sum = 0;
  for (int i = threadIdx.x % 32; i < p.n_squares; i += 32) sum += __ldcg(p.x.squares + i);
#pragma unroll
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
  return rsqrtf(sum / float(p.k) + p.norm_eps);
}

// A warp's sums of one strip over its lanes, into the CTA's table, and back to zero. A warp's strips follow
// one another, and neighbouring warps share at most one: row strip + warp of the table is its own.
__device__ __forceinline__ void store_partial(float (&acc)[2], float* table_row, int lane) {
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float v = acc[r];
    v += __shfl_xor_sync(0xffffffffu, v, 1);
    v += __shfl_xor_sync(0xffffffffu, v, 2);
    if (lane % 4 == 0) table_row[lane / 4 + 8 * r] = v;
    acc[r] = 0;
  }
}

// The sum of row `row` of the CTA's strip `strip`, over the warps that had tiles of it, in order.
__device__ __forceinline__ float sum_partials(const LinearParams& p, const float* table,
                                              const EqualRuns& runs, int n_warps, int strip, int row) {
  float sum = 0;
#pragma unroll
  for (int w = 0; w < kMaxWarps; ++w) {
    const bool had_some = runs.begin(w) < (strip + 1) * p.n_tiles && runs.begin(w + 1) > strip * p.n_tiles;
    if (w < n_warps && had_some) sum += table[(strip + w) * kStripRows + row];
  }
  return sum;
}

// One output of the CTA: group i of 16, row threadIdx % 16. What it needs from memory is asked for before it
// is needed.
struct Output {
  float* to;  // null: none
  float bias, residual, weight;
  int32_t column;

  __device__ __forceinline__ void prepare(const LinearParams& p, int strip) {
    const StripRef ref = strip_ref(p, strip);
    const LinearSegment& s = p.segments[ref.segment];
    column = ref.row + threadIdx.x % kStripRows;
    to = nullptr;
    bias = residual = 0;
    weight = 1;
    if (column >= s.n) return;
    to = s.out + column;
    if (s.bias != nullptr) bias = __ldg(s.bias + column);
    if (s.residual != nullptr) residual = __ldcg(s.residual + column);
    weight = emission_weight(p.emission, column, true);
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
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, n_warps = blockDim.x / 32;
  uint8_t* ring = shared + warp * p.n_stages * p.stage_bytes;
  uint8_t* row = shared + n_warps * p.n_stages * p.stage_bytes;
  float* table = reinterpret_cast<float*>(row + p.n_tiles * kRow16TileBytes);
  const int unit = p.glu ? 2 : 1;
  const EqualRuns cta_runs(p.n_strips / unit, gridDim.x);
  const int first_strip = cta_runs.begin(blockIdx.x) * unit;
  const int n_strips = cta_runs.begin(blockIdx.x + 1) * unit - first_strip;
  const EqualRuns warp_runs(n_strips * p.n_tiles, n_warps);
  pdl_launch_dependents();
  const TileCursor start(p, first_strip, {warp_runs.begin(warp), warp_runs.begin(warp + 1)});
  TileCursor ahead = start;
  for (int stage = 0; stage < p.n_stages; ++stage) {
    ahead.start_copy(ring + stage * p.stage_bytes, lane);
    ahead.next(p);
  }
  pdl_wait();
  copy_row(p, row);
  // Thread 16 i + r has row r of output group i, and of every further one that a CTA's threads can reach.
  const int n_groups = n_strips / unit;
  const int step = blockDim.x / kStripRows;
  int group = threadIdx.x / kStripRows;
  Output output;
  if (group < n_groups) output.prepare(p, first_strip + group * unit);
  const float factor = p.n_squares > 0 ? norm_factor(p) : 1.0f;
  __syncthreads();

  TileCursor now = start;
  float acc[2] = {};
  for (int stage = 0; now.at < now.end; stage = stage + 1 == p.n_stages ? 0 : stage + 1) {
    uint8_t* bytes = ring + stage * p.stage_bytes;
    wait_for_oldest(p.n_stages);
    TileInput x;
    x.load(row, p.n_tiles, now.tile, lane);
    add_tile(now.plane, bytes, x, now.tile * kTileK + 128 < p.k, lane, acc);
    __syncwarp();  // all lanes have read the stage
    ahead.start_copy(bytes, lane);
    ahead.next(p);
    const int strip = now.strip;
    now.next(p);
    if (now.strip != strip || now.at == now.end)
      store_partial(acc, table + (strip - first_strip + warp) * kStripRows, lane);
  }
  cp_async_wait<0>();
  __syncthreads();

  // Whole warps go together: groups of 16 lanes share shuffles.
  for (int first = 0; first < n_groups; first += step, group += step) {
    const bool exists = group < n_groups;
    const int r = threadIdx.x % kStripRows;
    if (first > 0 && exists) output.prepare(p, first_strip + group * unit);
    float value = 0;
    if (exists) {
      value = factor * sum_partials(p, table, warp_runs, n_warps, group * unit, r);
      if (p.glu)
        value = silu(value) * (factor * sum_partials(p, table, warp_runs, n_warps, group * unit + 1, r));
      value = output.to != nullptr ? value + output.bias + output.residual : 0.0f;
      if (output.to != nullptr) *output.to = value;
    }
    if (p.emission.row.codes != nullptr)
      emit16(p.emission, exists ? output.column / 16 * 16 : 0, value, exists ? output.weight : 1.0f, exists);
  }
}
