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

// A place in a run: the tile of a strip, and its bytes.
struct TileCursor {
  int at, end;      // of the run
  int strip, tile;  // of the launch, of the strip
  int tile_bytes;   // of 256 columns: for 32-element planes two small tiles, of which the last may lack one
  const uint8_t* from;
  const uint8_t* strip_end;
  Plane plane;

  __device__ __forceinline__ TileCursor(const LinearParams& p, int first_strip, const TileRun& run)
      : at(run.begin), end(run.end) {
    const int strips = int(uint64_t(uint32_t(run.begin)) * p.gemv.tile_reciprocal >> 31);
    strip = first_strip + strips, tile = run.begin - strips * p.n_tiles;
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

// The row and the sums of its squares, on their way from an earlier kernel to shared memory and to registers:
// L2 has them, L1 must not. All that is needed from memory is asked for at once.
struct RowInFlight {
  static constexpr int kUnits = 2, kSquares = 4;  // the rest of long rows comes behind
  uint4 units[kUnits];
  float squares;  // of this lane

  __device__ __forceinline__ void request(const LinearParams& p, int n_units) {
    const uint4* from = reinterpret_cast<const uint4*>(p.x.codes);
#pragma unroll
    for (int u = 0; u < kUnits; ++u) {
      const int i = threadIdx.x + u * blockDim.x;
      if (i < n_units) units[u] = __ldcg(from + i);
    }
    float parts[kSquares];
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int e = 0; e < kSquares; ++e)
      parts[e] = lane + 32 * e < p.n_squares ? __ldcg(p.x.squares + lane + 32 * e) : 0.0f;
    squares = (parts[0] + parts[1]) + (parts[2] + parts[3]);
    for (int i = lane + 32 * kSquares; i < p.n_squares; i += 32) squares += __ldcg(p.x.squares + i);
  }
  __device__ __forceinline__ void store(const LinearParams& p, int n_units, uint8_t* row) const {
    const uint4* from = reinterpret_cast<const uint4*>(p.x.codes);
    uint4* to = reinterpret_cast<uint4*>(row);
#pragma unroll
    for (int u = 0; u < kUnits; ++u) {
      const int i = threadIdx.x + u * blockDim.x;
      if (i < n_units) to[i] = units[u];
    }
    for (int i = threadIdx.x + kUnits * blockDim.x; i < n_units; i += blockDim.x) to[i] = __ldcg(from + i);
  }
  // 1 / rms of the raw row; by a whole warp.
  __device__ __forceinline__ float norm_factor(const LinearParams& p) const {
    float sum = squares;
#pragma unroll
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    return rsqrtf(sum / float(p.k) + p.norm_eps);
  }
};

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

// A constant, loaded where it stands: before the wait for earlier kernels.
__device__ __forceinline__ float load_constant(const float* p) {
  float v;
  asm volatile("ld.global.nc.f32 %0, [%1];" : "=f"(v) : "l"(p));
  return v;
}

// One output of the CTA: group i of 16, row threadIdx % 16. What it needs from memory is asked for before it
// is needed.
struct Output {
  float* to;              // null: none
  const float* residual;  // of the output, or null
  float bias, added, weight;
  int32_t column;

  // Nothing here comes from an earlier kernel.
  __device__ __forceinline__ void prepare(const LinearParams& p, int strip) {
    const StripRef ref = strip_ref(p, strip);
    const LinearSegment& s = p.segments[ref.segment];
    column = ref.row + threadIdx.x % kStripRows;
    to = nullptr, residual = nullptr;
    bias = added = 0;
    weight = 1;
    if (column >= s.n) return;
    to = s.out + column;
    if (s.residual != nullptr) residual = s.residual + column;
    if (s.bias != nullptr) bias = load_constant(s.bias + column);
    if (p.emission.norm_weight != nullptr) weight = load_constant(p.emission.norm_weight + column);
  }
  __device__ __forceinline__ void request() {
    if (residual != nullptr) added = __ldcg(residual);
  }
};

__device__ __forceinline__ void wait_for_oldest(int n_stages) {
  if (n_stages == 1) {
    cp_async_wait<0>();
  } else if (n_stages == 2) {
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
  uint8_t* ring = shared + warp * p.gemv.n_stages * p.gemv.stage_bytes;
  uint8_t* row = shared + n_warps * p.gemv.n_stages * p.gemv.stage_bytes;
  float* table = reinterpret_cast<float*>(row + p.n_tiles * kRow16TileBytes);
  const int unit = p.glu ? 2 : 1;
  const EqualRuns& cta_runs = p.gemv.strips;
  const int first_strip = cta_runs.begin(blockIdx.x) * unit;
  const int n_strips = cta_runs.begin(blockIdx.x + 1) * unit - first_strip;
  const EqualRuns warp_runs = p.gemv.tiles[int(blockIdx.x) < cta_runs.n_longer ? 0 : 1];
  pdl_launch_dependents();
  const TileCursor start(p, first_strip, {warp_runs.begin(warp), warp_runs.begin(warp + 1)});
  TileCursor ahead = start;
  for (int stage = 0; stage < p.gemv.n_stages; ++stage) {
    ahead.start_copy(ring + stage * p.gemv.stage_bytes, lane);
    ahead.next(p);
  }
  // Thread 16 i + r has row r of output group i, and of every further one that a CTA's threads can reach.
  const int n_groups = n_strips / unit, n_units = p.n_tiles * (kRow16TileBytes / 16);
  const int step = blockDim.x / kStripRows;
  int group = threadIdx.x / kStripRows;
  Output output{};
  if (group < n_groups) output.prepare(p, first_strip + group * unit);
  pdl_wait();
  RowInFlight in_flight;
  in_flight.request(p, n_units);
  output.request();
  in_flight.store(p, n_units, row);
  __syncthreads();

  TileCursor now = start;
  float acc[2] = {};
  for (int stage = 0; now.at < now.end; stage = stage + 1 == p.gemv.n_stages ? 0 : stage + 1) {
    uint8_t* bytes = ring + stage * p.gemv.stage_bytes;
    wait_for_oldest(p.gemv.n_stages);
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
  const float factor = p.n_squares > 0 ? in_flight.norm_factor(p) : 1.0f;
  __syncthreads();

  // Whole warps go together: groups of 16 lanes share shuffles.
  for (int first = 0; first < n_groups; first += step, group += step) {
    const bool exists = group < n_groups;
    const int r = threadIdx.x % kStripRows;
    if (first > 0 && exists) {
      output.prepare(p, first_strip + group * unit);
      output.request();
    }
    float value = 0;
    if (exists) {
      value = factor * sum_partials(p, table, warp_runs, n_warps, group * unit, r);
      if (p.glu)
        value = silu(value) * (factor * sum_partials(p, table, warp_runs, n_warps, group * unit + 1, r));
      value = output.to != nullptr ? value + output.bias + output.added : 0.0f;
      if (output.to != nullptr) *output.to = value;
    }
    if (p.emission.row.codes != nullptr)
      emit16(p.emission, exists ? output.column / 16 * 16 : 0, value, exists ? output.weight : 1.0f, exists);
  }
}
