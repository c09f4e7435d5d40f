// WeightMemory: memory for weight matrices, side by side in large blocks, so that nearly all of it lies in
// huge pages. A block of its own would give every matrix up to 2 MiB of ordinary pages at its end, and one
// below 2 MiB nothing else: 23 % of a 1.5b model's bytes, which one core of a Zen 4 reads at 22 instead of 31
// GB/s. Besides, what hardware fetches ahead at the end of a matrix is the start of the one that was loaded
// next.
//
// Used by one thread. A piece keeps its block alive, and may outlive the WeightMemory; a block goes with its
// last piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/base/status.h"
#include "platforms/memory.h"

namespace dunlin::cpu {

class WeightMemory {
 public:
  // Matrices from here on have a block of their own: their ordinary pages are few.
  static constexpr size_t kOwnBlockBytes = size_t(64) << 20;
  // Of a shared block. Pages count once they are written; what is left at its end is only addresses.
  static constexpr size_t kSharedBlockBytes = size_t(256) << 20;

  // Zero-filled bytes, aligned to kPanelAlignment; null for none. Status::exhausted without memory.
  Result<std::shared_ptr<uint8_t>> allocate(size_t bytes);

 private:
  std::weak_ptr<LargeBlock> shared_;  // the one that is being filled
  size_t used_bytes_ = 0;             // of it
};

}  // namespace dunlin::cpu
