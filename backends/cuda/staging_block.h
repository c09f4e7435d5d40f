// StagingBlock: page-locked host memory that copies go through. Of huge pages where the system has them: the
// driver pins page by page, for one thread at a time.
#pragma once

#include "backends/cuda/context.h"
#include "platforms/memory.h"

namespace dunlin::cuda {

class StagingBlock {
 public:
  StagingBlock() = default;
  static Result<StagingBlock> allocate(const Context& context, uint64_t bytes, std::string_view what);
  StagingBlock(StagingBlock&& other) noexcept;
  StagingBlock& operator=(StagingBlock&& other) noexcept;
  ~StagingBlock();

  uint8_t* data() { return pinned_.size() > 0 ? pinned_.data() : block_.data(); }

 private:
  const Context* context_ = nullptr;  // null: block_ is not registered
  LargeBlock block_;
  PinnedBuffer pinned_;  // instead, where the driver does not lock memory that it did not give
};

}  // namespace dunlin::cuda
