// A warp's ring of stages in shared memory, through which its tiles come. As many are on their way as there
// are stages: a stage is asked for again as soon as it has been read.
//
// Hopper and later copy whole tiles at one lane's word; before, all lanes copy 16 bytes at a time.
#pragma once

#include "backends/cuda/device/bulk_copy.cuh"
#include "backends/cuda/device/cp_async.cuh"
#include "backends/cuda/device/linear_params.h"
#include "backends/cuda/ops/strip.cuh"

namespace dunlin::cuda {

// What is left of a warp's run of tiles, in memory. The same in all lanes.
struct TileSource {
  const uint8_t* from;
  int rest;        // bytes of the strip from there on
  int tile_bytes;  // of a tile of this strip; the last may be shorter
  int left;        // tiles of the run
  int strip;       // of the launch

  __device__ __forceinline__ TileSource(const LinearParams& p, int first_strip, int tile, int n_tiles)
      : left(n_tiles), strip(first_strip) {
    if (left > 0) enter(p, tile);
  }
  __device__ __forceinline__ void enter(const LinearParams& p, int tile) {
    const StripRef ref = strip_ref(p, strip);
    const LinearSegment& s = p.segments[ref.segment];
    tile_bytes = s.tile_bytes;
    from = strip_tiles(p, ref) + tile * tile_bytes;
    rest = s.strip_bytes - tile * tile_bytes;
  }
  __device__ __forceinline__ void next(const LinearParams& p) {
    from += tile_bytes, rest -= tile_bytes;
    if (--left == 0 || rest > 0) return;
    ++strip;
    enter(p, 0);
  }
};

class TileRing {
 public:
  // barriers: one a stage, of this warp.
  __device__ __forceinline__ TileRing(uint8_t* stages, uint64_t* barriers, int n_stages, int stage_bytes)
      : stages_(stages), stage_bytes_(stage_bytes), n_stages_(n_stages) {
    if constexpr (kHasBulkCopy) {
      barriers_ = shared_address(barriers);
      if (lane() == 0) {
        for (int i = 0; i < n_stages; ++i) barrier_init(barriers_ + 8 * i, 1);
        barrier_init_fence();
      }
      __syncwarp();
    }
  }

  // Asks for the first tiles, a stage each.
  __device__ __forceinline__ void begin(const LinearParams& p, TileSource& source) {
    for (int i = 0; i < n_stages_; ++i) {
      ask(source);
      if (source.left > 0) source.next(p);
      advance();
    }
    parity_ = 0;
  }

  // The oldest tile, when it is there.
  __device__ __forceinline__ const uint8_t* wait() const {
    if constexpr (kHasBulkCopy) {
      barrier_wait(barriers_ + 8 * stage_, parity_);
    } else {
      wait_for_oldest_group();
      __syncwarp();
    }
    return stages_ + stage_ * stage_bytes_;
  }

  // The oldest tile has been read: its stage is for the next one.
  __device__ __forceinline__ void refill(const LinearParams& p, TileSource& source) {
    __syncwarp();
    ask(source);
    if (source.left > 0) source.next(p);
    advance();
  }

 private:
  static __device__ __forceinline__ int lane() { return threadIdx.x % kLanes; }

  __device__ __forceinline__ void advance() {
    if (++stage_ < n_stages_) return;
    stage_ = 0;
    parity_ ^= 1;
  }

  __device__ __forceinline__ void ask(const TileSource& source) {
    const int bytes = source.left > 0 ? min(source.tile_bytes, source.rest) : 0;
    uint8_t* to = stages_ + stage_ * stage_bytes_;
    if constexpr (kHasBulkCopy) {
      if (lane() != 0 || bytes == 0) return;
      const uint32_t barrier = barriers_ + 8 * stage_;
      barrier_expect(barrier, bytes);
      bulk_copy(shared_address(to), source.from, bytes, barrier);
    } else {
      for (int i = 16 * lane(); i < bytes; i += 16 * kLanes) cp_async16(to + i, source.from + i);
      cp_async_commit();  // also of nothing: groups are counted
    }
  }

  __device__ __forceinline__ void wait_for_oldest_group() const {
    if (n_stages_ == 1) {
      cp_async_wait<0>();
    } else if (n_stages_ == 2) {
      cp_async_wait<1>();
    } else if (n_stages_ == 3) {
      cp_async_wait<2>();
    } else {
      cp_async_wait<3>();
    }
  }

  uint8_t* stages_;
  int stage_bytes_, n_stages_;
  int stage_ = 0;  // the oldest
  uint32_t barriers_ = 0, parity_ = 0;
};

}  // namespace dunlin::cuda
