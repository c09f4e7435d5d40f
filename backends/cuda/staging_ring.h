// StagingRing: the way of bytes from a file to the device. Pinned host memory in a few stages, which are
// filled by several threads in turns with being copied, on a stream of their own, so that the copy engine
// does not wait for kernels that work on what it brought. Host memory is the ring, whatever the size of the
// model.
#pragma once

#include <array>
#include <functional>
#include <memory>

#include "backends/cuda/context.h"
#include "platforms/thread_team.h"

namespace dunlin::cuda {

class StagingRing {
 public:
  // The least that moves at the full rate: each copy costs the driver some microseconds.
  static constexpr uint64_t kStageBytes = uint64_t(8) << 20;

  class Stage {
   public:
    // Device memory of kStageBytes behind the stage, for bytes that are not yet in their last form.
    CUdeviceptr device() const { return device_.address(); }

   private:
    friend class StagingRing;
    PinnedBuffer host_;
    DeviceBuffer device_;
    CUevent copied_ = nullptr;
    CUevent used_ = nullptr;
    bool in_use_ = false;
  };

  static Result<std::unique_ptr<StagingRing>> create(const Context& context);
  ~StagingRing();

  // Items [begin, end) into out; called by several threads for parts of them.
  using Fill = std::function<Status(int64_t begin, int64_t end, uint8_t* out)>;

  // A stage that is no longer in use, filled with n_items of item_bytes, together at most kStageBytes. The
  // first error of a fill is returned.
  Result<Stage*> fill(int64_t n_items, uint64_t item_bytes, const Fill& fill);
  // Copies the stage's first bytes to the device. What is given to the context's stream afterwards finds them
  // there.
  Status send(Stage& stage, CUdeviceptr to, uint64_t bytes, std::string_view what);
  // The stage may be filled again once what the context's stream was given until now is done.
  Status release(Stage& stage);
  // Waits until everything that was sent and released is done.
  Status finish();

 private:
  explicit StagingRing(const Context& context) : context_(context) {}

  const Context& context_;
  CUstream copies_ = nullptr;
  std::array<Stage, 4> stages_;
  size_t next_ = 0;
  std::unique_ptr<ThreadTeam> readers_;
};

}  // namespace dunlin::cuda
