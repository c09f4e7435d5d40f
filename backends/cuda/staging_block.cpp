#include "backends/cuda/staging_block.h"

#include <cstring>
#include <utility>

namespace dunlin::cuda {

Result<StagingBlock> StagingBlock::allocate(const Context& context, uint64_t bytes, std::string_view what) {
  StagingBlock staging;
  DUNLIN_ASSIGN_OR_RETURN(staging.block_, LargeBlock::allocate(bytes, HugePages::kAdvise));
  // Touched by this thread, not by the driver, which does it with its lock held.
  std::memset(staging.block_.data(), 0, staging.block_.size());
  if (context.driver().cuMemHostRegister(staging.block_.data(), bytes, CU_MEMHOSTREGISTER_PORTABLE) ==
      CUDA_SUCCESS) {
    ++context.counters().n_allocations;
    staging.context_ = &context;
    return staging;
  }
  DUNLIN_ASSIGN_OR_RETURN(staging.pinned_, PinnedBuffer::allocate(context, bytes, what));
  staging.block_ = LargeBlock();
  return staging;
}

StagingBlock::StagingBlock(StagingBlock&& other) noexcept
    : context_(std::exchange(other.context_, nullptr)),
      block_(std::move(other.block_)),
      pinned_(std::move(other.pinned_)) {}

StagingBlock& StagingBlock::operator=(StagingBlock&& other) noexcept {
  std::swap(context_, other.context_);
  std::swap(block_, other.block_);
  std::swap(pinned_, other.pinned_);
  return *this;
}

StagingBlock::~StagingBlock() {
  if (context_ == nullptr) return;
  (void)context_->make_current();
  ++context_->counters().n_frees;
  (void)context_->driver().cuMemHostUnregister(block_.data());
}

}  // namespace dunlin::cuda
