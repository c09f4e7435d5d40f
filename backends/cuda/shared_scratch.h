// Device memory that the plans of a device take turns with: one runs at a time, and what a launch leaves
// there only the next launches of its own step read.
#pragma once

#include <memory>

#include "backends/cuda/context.h"

namespace dunlin::cuda {

class SharedScratch {
 public:
  // The buffer, or a new and larger one; plans that hold the old one keep it. what: for the error.
  Result<std::shared_ptr<const DeviceBuffer>> at_least(const Context& context, uint64_t bytes,
                                                       std::string_view what) {
    if (buffer_ != nullptr && buffer_->size() >= bytes) return buffer_;
    buffer_.reset();
    DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer buffer, DeviceBuffer::allocate(context, bytes, what));
    buffer_ = std::make_shared<const DeviceBuffer>(std::move(buffer));
    return buffer_;
  }

 private:
  std::shared_ptr<const DeviceBuffer> buffer_;
};

}  // namespace dunlin::cuda
