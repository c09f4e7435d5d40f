// gemv: one row of activations times quantized matrices. Every CTA takes a run of neighbouring strips (with
// glu, of gate and up pairs), and every warp of it a run of their tiles, as equal as can be. Each warp
// streams its tiles through a ring of its own in shared memory: the first are on their way before the row is
// there, and several always are. One barrier, then the warps' sums are put together in order and the outputs
// finished, for the next linear quantized if it wants them so. The order of every sum depends on the launch
// shape only.
//
// A short launch is a chain of latencies, a long one a stream that instructions must keep up with: both want
// few instructions.
//
// Grid: at most n_strips (glu: n_strips / 2). Block: 32 * warps. Dynamic shared memory: gemv_shared_bytes().
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/device/silu.cuh"
#include "backends/cuda/ops/emit_row.cuh"
#include "backends/cuda/ops/gemv_tiles.cuh"
#include "backends/cuda/ops/tile_ring.cuh"

namespace dunlin::cuda {
namespace {

#ifdef __CUDA_ARCH__
constexpr int kMaxWarps = gemv_max_warps(__CUDA_ARCH__ / 10);
#else
constexpr int kMaxWarps = 1;
#endif

// The sums of the CTA's warps, and whose they are. A warp's strips follow one another, and neighbouring warps
// share at most one: row strip + warp of the table is its own.
struct PartialSums {
  float* table;    // [strip + warp][16]
  uint8_t* first;  // by strip: the warp that has its first tile
  uint8_t* last;

  // A warp's lanes' sums of rows g and g + 8.
  __device__ __forceinline__ void store(const float (&sums)[2], int strip, int warp, int lane) const {
    float* to = table + (strip + warp) * kStripRows;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float v = sums[r];
      v += __shfl_xor_sync(0xffffffffu, v, 1);
      v += __shfl_xor_sync(0xffffffffu, v, 2);
      if (lane % 4 == 0) to[lane / 4 + 8 * r] = v;
    }
  }
  // Over the warps that had tiles of the strip, in order.
  __device__ __forceinline__ float sum(int strip, int row) const {
    const int begin = first[strip], n = last[strip] - begin + 1;
    const float* from = table + (strip + begin) * kStripRows + row;
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kMaxWarps; ++i)
      if (i < n) sum += from[i * kStripRows];
    return sum;
  }
};

// The tiles of one strip that this warp has.
template <Plane P>
__device__ __forceinline__ void sum_strip(const LinearParams& p, TileRing& ring, TileSource& source,
                                          const uint8_t* row_tile, int columns_left, int n,
                                          const ColumnPicks& picks, int lane, float (&out)[2]) {
  StripSums sums;
#pragma unroll 1
  for (; n > 0; --n) {
    const uint8_t* bytes = ring.wait();
    add_tile<P>(bytes, TileInput(row_tile, lane), picks, columns_left, lane, sums);
    ring.refill(p, source);
    row_tile += kRow16TileBytes;
    columns_left -= kTileK;
  }
  const float unit = dot_unit<P>(lane);
#pragma unroll
  for (int r = 0; r < 2; ++r) out[r] = unit * sums.dot[r] - sums.min[r];
}

// A warp's run of tiles: where it begins, tile `tile` of strip `strip` of the CTA, and that strip's plane.
struct TileRun {
  int strip, tile, n_tiles;
  Plane plane;
};

__device__ __forceinline__ Plane plane_of(const LinearParams& p, int strip) {
  return p.segments[strip_ref(p, strip).segment].plane;
}

__device__ __forceinline__ void sum_run(const LinearParams& p, TileRing& ring, TileSource& source,
                                        const uint8_t* row, int first_strip, TileRun run,
                                        const PartialSums& partials) {
  const int warp = threadIdx.x / kLanes, lane = threadIdx.x % kLanes;
  const ColumnPicks picks(lane);
  while (run.n_tiles > 0) {
    const int n = min(run.n_tiles, p.n_tiles - run.tile);
    const uint8_t* row_tile = row + run.tile * kRow16TileBytes;
    const int columns_left = p.k - run.tile * kTileK;
    const Plane plane = run.plane;
    // Known before the tiles are there.
    if (n < run.n_tiles) run.plane = plane_of(p, first_strip + run.strip + 1);
    float sums[2];
    const auto take = [&](auto constant) {
      sum_strip<decltype(constant)::value>(p, ring, source, row_tile, columns_left, n, picks, lane, sums);
    };
    // The same for all lanes. No table of jumps, which would be one more wait for memory.
    if (plane == Plane::kW4K) {
      take(std::integral_constant<Plane, Plane::kW4K>());
    } else if (plane == Plane::kW6K) {
      take(std::integral_constant<Plane, Plane::kW6K>());
    } else if (plane == Plane::kW5) {
      take(std::integral_constant<Plane, Plane::kW5>());
    } else if (plane == Plane::kW8) {
      take(std::integral_constant<Plane, Plane::kW8>());
    } else if (plane == Plane::kW5K) {
      take(std::integral_constant<Plane, Plane::kW5K>());
    } else {
      take(std::integral_constant<Plane, Plane::kW4>());
    }
    partials.store(sums, run.strip, warp, lane);
    if (lane == 0) {
      if (run.tile == 0) partials.first[run.strip] = uint8_t(warp);
      if (run.tile + n == p.n_tiles) partials.last[run.strip] = uint8_t(warp);
    }
    ++run.strip, run.tile = 0, run.n_tiles -= n;
  }
}

// The row on its way from L2 to shared memory; an earlier kernel wrote it.
__device__ __forceinline__ void ask_for_row(const LinearParams& p, uint8_t* row, uint64_t* barrier) {
  const int bytes = p.n_tiles * kRow16TileBytes;
  if constexpr (kHasBulkCopy) {
    if (threadIdx.x != 0) return;
    barrier_expect(shared_address(barrier), bytes);
    bulk_copy(shared_address(row), p.x.tiles, bytes, shared_address(barrier));
  } else {
    const uint4* from = reinterpret_cast<const uint4*>(p.x.tiles);
    for (int i = threadIdx.x; i < bytes / 16; i += blockDim.x)
      reinterpret_cast<uint4*>(row)[i] = __ldcg(from + i);
  }
}
__device__ __forceinline__ void wait_for_row(uint64_t* barrier) {
  if constexpr (kHasBulkCopy) {
    barrier_wait(shared_address(barrier), 0);
  } else {
    __syncthreads();
  }
}

// The sums of the row's squares, for its norm: asked for by a whole warp, added up when they are needed.
struct SquaresInFlight {
  static constexpr int kParts = 4;  // the rest of long rows comes behind
  float parts[kParts];

  __device__ __forceinline__ void ask(const LinearParams& p, int lane) {
#pragma unroll
    for (int e = 0; e < kParts; ++e)
      parts[e] = lane + 32 * e < p.n_squares ? __ldcg(p.x.squares + lane + 32 * e) : 0.0f;
    for (int i = lane + 32 * kParts; i < p.n_squares; i += 32) parts[0] += __ldcg(p.x.squares + i);
  }
  // 1 / rms of the raw row.
  __device__ __forceinline__ float norm_factor(const LinearParams& p) const {
    float sum = (parts[0] + parts[1]) + (parts[2] + parts[3]);
#pragma unroll
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    return rsqrtf(sum / float(p.k) + p.norm_eps);
  }
};

// A constant, loaded where it stands: before the wait for earlier kernels.
__device__ __forceinline__ float load_constant(const float* p) {
  float v;
  asm volatile("ld.global.nc.f32 %0, [%1];" : "=f"(v) : "l"(p));
  return v;
}

// One output of the CTA: row lane % 16 of a group. What it needs from memory is asked for before it
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
  __device__ __forceinline__ void ask() {
    if (residual != nullptr) added = __ldcg(residual);
  }
  __device__ __forceinline__ float finish(float sum) const {
    if (to == nullptr) return 0;
    const float value = sum + bias + added;
    *to = value;
    return value;
  }
};

}  // namespace
}  // namespace dunlin::cuda

extern "C" __global__ void __launch_bounds__(32 * dunlin::cuda::kMaxWarps, 2)
    gemv(dunlin::cuda::LinearParams p) {
  using namespace dunlin::cuda;
  extern __shared__ __align__(128) uint8_t shared[];
  const int warp = threadIdx.x / kLanes, lane = threadIdx.x % kLanes, n_warps = blockDim.x / kLanes;
  const int unit = p.glu ? 2 : 1;
  const GemvSplit& split = p.gemv;
  const int first_strip = split.strips.begin(blockIdx.x) * unit;
  const int n_strips = split.strips.begin(blockIdx.x + 1) * unit - first_strip;
  const EqualRuns runs = split.tiles[int(blockIdx.x) < split.strips.n_longer ? 0 : 1];
  pdl_launch_dependents();

  auto* barriers = reinterpret_cast<uint64_t*>(shared);
  uint64_t* row_barrier = barriers + n_warps * split.n_stages;
  uint8_t* row = shared + split.row_at;
  TileRing ring(shared + gemv_stages_at(n_warps, split.n_stages) + warp * split.n_stages * split.stage_bytes,
                barriers + warp * split.n_stages, split.n_stages, split.stage_bytes);
  TileRun run;
  const int begin = runs.begin(warp);
  run.n_tiles = runs.begin(warp + 1) - begin;
  run.strip = int(uint64_t(uint32_t(begin)) * split.tile_reciprocal >> 31);
  run.tile = begin - run.strip * p.n_tiles;
  TileSource source(p, first_strip + run.strip, run.tile, run.n_tiles);
  ring.begin(p, source);
  run.plane = plane_of(p, min(first_strip + run.strip, p.n_strips - 1));

  PartialSums partials;
  partials.table = reinterpret_cast<float*>(row + p.n_tiles * kRow16TileBytes);
  partials.first = reinterpret_cast<uint8_t*>(partials.table + (n_strips + n_warps) * kStripRows);
  partials.last = partials.first + n_strips;
  // The last warps, whose runs are not the longer ones, finish the outputs: 16 lanes a group, and every
  // further one that a CTA's threads reach.
  constexpr int kGroupsPerWarp = kLanes / kStripRows;
  const int n_groups = n_strips / unit, step = n_warps * kGroupsPerWarp;
  const int first_group = (n_warps - 1 - warp) * kGroupsPerWarp;
  const bool warp_finishes = first_group < n_groups;
  int group = first_group + lane / kStripRows;
  Output output{};
  if (group < n_groups) output.prepare(p, first_strip + group * unit);
  if constexpr (kHasBulkCopy) {
    if (threadIdx.x == 0) {
      barrier_init(shared_address(row_barrier), 1);
      barrier_init_fence();
    }
    __syncthreads();
  }
  pdl_wait();
  ask_for_row(p, row, row_barrier);
  SquaresInFlight squares;
  if (warp_finishes) {
    output.ask();
    squares.ask(p, lane);
  }
  wait_for_row(row_barrier);

  sum_run(p, ring, source, row, first_strip, run, partials);
  const float factor = warp_finishes && p.n_squares > 0 ? squares.norm_factor(p) : 1.0f;
  __syncthreads();
  if (!warp_finishes) return;

  const int r = lane % kStripRows;
  // Whole warps go together: groups of 16 lanes share shuffles.
  for (int first = 0; first < n_groups; first += step, group += step) {
    const bool exists = group < n_groups;
    if (first > 0 && exists) {
      output.prepare(p, first_strip + group * unit);
      output.ask();
    }
    float value = 0;
    if (exists) {
      value = factor * partials.sum(group * unit, r);
      if (p.glu) value = silu(value) * (factor * partials.sum(group * unit + 1, r));
      value = output.finish(value);
    }
    if (p.emission.row.tiles != nullptr)
      emit16(p.emission, exists ? output.column / 16 * 16 : 0, value, exists ? output.weight : 1.0f, exists);
  }
}
