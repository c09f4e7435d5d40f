// gemm_wgmma_*: halves times halves on Hopper's warpgroup mma. sm_90a only; device/gemm_params.h has the
// problem.
//
// A cluster of two CTAs makes two tiles of 128 x N outputs at a time, until all are made. In each CTA
//
//   warpgroup 0      one thread feeds a ring of stages, 64 columns of K each, through the copy engine
//   warpgroups 1, 2  multiply: 64 rows each of the same tile; or, in gemm_wgmma_128_turns, a tile each in
//                    turn, so that one stores while the other multiplies: for many tiles, as a lone tile is
//                    stored by half the threads
//
// and the ring runs on while results are stored. An SM receives at most 64 bytes a cycle, what a tile of
// 128 x 128 needs at full speed. The tiles of a cluster lie side by side and share A's rows, of which each
// CTA fetches half for both, to spare the L2 cache.
//
// A row's result depends on neither m nor the tile: every output is the sum of the same products in the same
// order of K.
//
// Grid: an even number of CTAs, at most the SMs; the cluster is compiled in. Block: 384. Dynamic shared
// memory: gemm_wgmma_shared_bytes().
#include "backends/cuda/device/gemm_epilogue.cuh"
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/device/tma.cuh"
#include "backends/cuda/device/wgmma.cuh"

namespace dunlin::cuda {
namespace {

constexpr int kBoxBytes = kGemmBoxRows * kGemmK * 2;

template <int kTileColumns, bool kTakeTurns>
struct Tiling {
  static constexpr int kColumns = kTileColumns;
  static constexpr bool kTurns = kTakeTurns;
  static constexpr int kConsumerWarps = kTurns ? 4 : 8;  // of a stage
  static constexpr int kBlocks = kTurns ? 2 : 1;         // of 64 rows, of a consumer
  static constexpr int kBoxesA = kGemmTileRows / kGemmBoxRows;
  static constexpr int kBoxesB = kColumns / kGemmBoxRows;
  static constexpr int kStageBytes = (kBoxesA + kBoxesB) * kBoxBytes;
  static constexpr int kStages = gemm_wgmma_stages(kColumns);
  // Outputs of a cluster.
  static constexpr int kPairColumns = kGemmTilesOfPair * kColumns;
};

// The warp's index, known to the compiler as the same in all lanes: what follows from it, descriptors above
// all, then stays in uniform registers.
[[maybe_unused]] __device__ __forceinline__ int uniform_warp() {
  return __shfl_sync(0xffffffffu, threadIdx.x / 32, 0);
}

// Where a role stands in the ring.
template <int kStages>
struct RingCursor {
  uint32_t stage = 0, parity = 0;
  __device__ __forceinline__ void advance() {
    if (++stage == kStages) {
      stage = 0;
      parity ^= 1;
    }
  }
  __device__ __forceinline__ void skip(uint32_t n) {
    stage += n;
    parity ^= stage / kStages & 1;
    stage %= kStages;
  }
};

// Shared addresses.
struct Ring {
  uint32_t stages;
  uint32_t full;   // [stage] barriers: the stage's bytes are here
  uint32_t empty;  // [stage]: nobody of the cluster reads the stage any more
};

// The CTA's tile of the cluster's i-th pair. Pairs that share B's columns follow each other, so that B comes
// from memory once.
struct Tile {
  int row, column;
};
template <typename T>
__device__ __forceinline__ Tile tile_of(int pair, int n_pair_rows, uint32_t rank) {
  return {pair % n_pair_rows * kGemmTileRows, pair / n_pair_rows * T::kPairColumns + int(rank) * T::kColumns};
}

// Fetches the operands of one step. Of the shared operand, rank r fetches the r-th half for both CTAs.
template <typename T>
__device__ __forceinline__ void fetch_step(const GemmParams& p, Tile tile, int k, uint32_t stage,
                                           uint32_t barrier, uint32_t rank) {
  const uint32_t a = stage, b = stage + T::kBoxesA * kBoxBytes;
  load_box_to_both(a + rank * kBoxBytes, p.a_map, k, tile.row + rank * kGemmBoxRows, barrier);
#pragma unroll
  for (int i = 0; i < T::kBoxesB; ++i)
    load_box(b + i * kBoxBytes, p.b_map, k, tile.column + i * kGemmBoxRows, barrier);
}

// One step, 16 columns of K at a time.
template <typename T>
__device__ __forceinline__ void multiply_step(float (&sums)[T::kBlocks][T::kColumns / 2], uint32_t a,
                                              uint32_t b, bool first) {
  const uint64_t a_matrix = matrix_descriptor(a), b_matrix = matrix_descriptor(b);
  wgmma_fence();
#pragma unroll
  for (int i = 0; i < kGemmK / 16; ++i) {
#pragma unroll
    for (int block = 0; block < T::kBlocks; ++block)
      wgmma(sums[block], a_matrix + block * (kBoxBytes >> 4) + i * kMatrixStepK16,
            b_matrix + i * kMatrixStepK16, i > 0 || !first);
  }
  wgmma_commit();
}

template <typename T>
__device__ __forceinline__ void produce(const GemmParams& p, const Ring& ring, int n_pairs, int n_pair_rows,
                                        uint32_t rank) {
  RingCursor<T::kStages> at;
  for (int pair = blockIdx.x / 2; pair < n_pairs; pair += gridDim.x / 2) {
    const Tile tile = tile_of<T>(pair, n_pair_rows, rank);
    for (int k = 0; k < p.k; k += kGemmK) {
      barrier_wait(ring.empty + 8 * at.stage, at.parity ^ 1);
      const uint32_t full = ring.full + 8 * at.stage;
      barrier_expect(full, T::kStageBytes);
      fetch_step<T>(p, tile, k, ring.stages + at.stage * T::kStageBytes, full, rank);
      at.advance();
    }
  }
}

// Consumers that take turns pass the word when they have seen their last stage arrive: a barrier's parity
// tells neighbouring phases apart, no more, so that nobody may wait for a stage of the tile after next.
[[maybe_unused]] __device__ __forceinline__ void await_turn(int group) {
  asm volatile("bar.sync %0, 256;" ::"r"(1 + group) : "memory");
}
[[maybe_unused]] __device__ __forceinline__ void pass_turn(int group) {
  asm volatile("bar.arrive %0, 256;" ::"r"(2 - group) : "memory");
}

template <typename T>
__device__ __forceinline__ void consume(const GemmParams& p, const Ring& ring, int m, int n_pairs,
                                        int n_pair_rows, uint32_t rank) {
  const int group = uniform_warp() / 4 - 1, warp = uniform_warp() % 4, lane = threadIdx.x % 32;
  const int first_row = T::kTurns ? 0 : 64 * group;  // of the tile
  const uint32_t a_offset = first_row / 64 * kBoxBytes, b_offset = T::kBoxesA * kBoxBytes;
  const int n_steps = p.k / kGemmK;
  // Lanes 0 and 1 tell the two CTAs.
  const auto release = [&](uint32_t stage) {
    if (lane < 2) barrier_arrive(ring.empty + 8 * stage, lane);
  };
  // Results are stored in parts, and what is added to one is loaded before the part in front is stored: out
  // may be residual, so the compiler cannot do it.
  constexpr int kPart = T::kTurns ? 32 : 64, kParts = T::kColumns / kPart, kAllParts = T::kBlocks * kParts;
  Addends<kPart / 8> addends[2];
  RingCursor<T::kStages> at;
  const int first = blockIdx.x / 2, stride = gridDim.x / 2;
  int turn = 0;
  for (int pair = first; pair < n_pairs; pair += stride, turn ^= 1) {
    if (T::kTurns && turn != group) {
      at.skip(n_steps);
      continue;
    }
    if (T::kTurns && pair != first) await_turn(group);
    const Tile tile = tile_of<T>(pair, n_pair_rows, rank);
    int first_column = tile.column;
    const GemmTarget target = gemm_target(p, first_column);
    const int row = tile.row + first_row + 16 * warp + lane / 4, column = first_column + lane % 4 * 2;
    float sums[T::kBlocks][T::kColumns / 2];
    uint32_t previous = 0;
    for (int step = 0; step < n_steps; ++step) {
      barrier_wait(ring.full + 8 * at.stage, at.parity);
      const uint32_t stage = ring.stages + at.stage * T::kStageBytes;
      multiply_step<T>(sums, stage + a_offset, stage + b_offset, step == 0);
      if (step == n_steps - 1) load_addends(target, m, row, column, addends[0]);
      // The step before is finished; this one stays on its way.
      wgmma_wait<1>();
      if (step > 0) release(previous);
      previous = at.stage;
      at.advance();
    }
    if (T::kTurns && pair + stride < n_pairs) pass_turn(group);
    wgmma_wait<0>();
    release(previous);
#pragma unroll
    for (int i = 0; i < kAllParts; ++i) {
      const int next = i + 1;
      if (next < kAllParts)
        load_addends(target, m, row + 64 * (next / kParts), column + kPart * (next % kParts),
                     addends[next % 2]);
      store_sums(target, m, row + 64 * (i / kParts), column + kPart * (i % kParts),
                 sums[i / kParts] + kPart / 2 * (i % kParts), addends[i % 2]);
    }
  }
}

template <typename T>
__device__ __forceinline__ void gemm_wgmma(const GemmParams& p) {
  extern __shared__ uint8_t dynamic[];
  __shared__ uint64_t full[T::kStages], empty[T::kStages];
  constexpr uint32_t kAlign = kGemmSwizzleBytes;
  const Ring ring = {(shared_address(dynamic) + kAlign - 1) / kAlign * kAlign, shared_address(full),
                     shared_address(empty)};
  const uint32_t rank = cluster_rank();

  // 1. What needs no predecessor.
  pdl_launch_dependents();
  if (threadIdx.x == 0) {
    prefetch_map(p.a_map);
    prefetch_map(p.b_map);
    for (int s = 0; s < T::kStages; ++s) {
      barrier_init(ring.full + 8 * s, 1);
      barrier_init(ring.empty + 8 * s, 2 * T::kConsumerWarps);
    }
    barrier_init_fence();
  }
  cluster_sync();
  pdl_wait();

  // 2. The roles.
  const int m = min(p.m, p.counts[p.count_index]);
  const int n_pair_rows = (m + kGemmTileRows - 1) / kGemmTileRows;
  const int n_pairs = n_pair_rows * ((p.n + T::kPairColumns - 1) / T::kPairColumns);
  if (uniform_warp() < 4) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (uniform_warp() == 0 && elect_one()) produce<T>(p, ring, n_pairs, n_pair_rows, rank);
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
    consume<T>(p, ring, m, n_pairs, n_pair_rows, rank);
  }

  // 3. The other CTA may still write to this one's shared memory and arrive at its barriers.
  __syncwarp();
  cluster_sync();
}

}  // namespace
}  // namespace dunlin::cuda

// Elsewhere there are no such instructions: the kernels trap, and the host does not choose them.
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define DUNLIN_PAIR_OF_CTAS __cluster_dims__(2, 1, 1)
#define DUNLIN_GEMM_BODY(columns, turns) dunlin::cuda::gemm_wgmma<dunlin::cuda::Tiling<columns, turns>>(p)
#else
#define DUNLIN_PAIR_OF_CTAS
#define DUNLIN_GEMM_BODY(columns, turns) __trap()
#endif
#define DUNLIN_GEMM_WGMMA(name, columns, turns)                            \
  extern "C" __global__ void DUNLIN_PAIR_OF_CTAS __launch_bounds__(384, 1) \
      name(const __grid_constant__ dunlin::cuda::GemmParams p) {           \
    DUNLIN_GEMM_BODY(columns, turns);                                      \
  }

DUNLIN_GEMM_WGMMA(gemm_wgmma_64, 64, false)
DUNLIN_GEMM_WGMMA(gemm_wgmma_128, 128, false)
DUNLIN_GEMM_WGMMA(gemm_wgmma_128_turns, 128, true)
DUNLIN_GEMM_WGMMA(gemm_wgmma_192, 192, false)
