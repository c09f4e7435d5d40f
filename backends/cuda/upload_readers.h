// UploadReaders: the way of bytes from a file to the device. Each reader is a thread with a stream and two
// stages of pinned memory of its own: while one is copied and packed on the device, it fills the other.
// Readers do not wait for one another, so the copy engine always has the next copy. Host memory is the
// stages, whatever the size of the model.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "backends/cuda/kernels.h"
#include "backends/cuda/staging_block.h"

namespace dunlin::cuda {

// One part of a weight.
struct UploadJob {
  std::string name;  // of the weight, for errors
  uint64_t bytes = 0;
  std::function<Status(uint8_t* out)> read;  // fills out with the bytes, on a reader's thread
  CUdeviceptr to = 0;                        // where they go as they are; unused with pack
  std::optional<PackParams> pack;            // where they go as tiles; rows is the reader's to fill in
};

class UploadReaders {
 public:
  static constexpr uint64_t kStageBytes = uint64_t(4) << 20;

  static Result<std::unique_ptr<UploadReaders>> create(const Context& context, const Kernels& kernels);
  ~UploadReaders() { drop(); }

  // At most kStageBytes. Waits while many jobs are queued. After an error of any job: that error.
  Status add(UploadJob job);
  // Waits until all that was added is on the device, or for the first error. Nothing is added afterwards.
  Status finish();
  // Jobs that no reader has begun are forgotten, and the others waited for. Nothing is added afterwards.
  void drop();

 private:
  struct Stage {
    uint8_t* host = nullptr;
    CUdeviceptr device = 0;    // the stream's order keeps one copy from overtaking another's packing
    CUevent copied = nullptr;  // host may be filled again
    bool in_use = false;
  };
  // What a reader's thread makes for itself: pinning memory takes long, and they do it side by side.
  struct Tools {
    StagingBlock host;
    DeviceBuffer device;
    CUstream stream = nullptr;
    Stage stages[2];
  };

  UploadReaders(const Context& context, const Kernels& kernels) : context_(context), kernels_(kernels) {}
  void work();
  Status prepare(Tools& tools) const;
  void discard(Tools& tools) const;
  std::optional<UploadJob> next_job();
  Status run(const UploadJob& job, CUstream stream, Stage& stage) const;
  void fail(const Status& status);
  void join();

  const Context& context_;
  const Kernels& kernels_;
  std::vector<std::thread> readers_;

  std::mutex mutex_;
  std::condition_variable work_, room_;  // there are jobs, or none will come; jobs_ is not full, or error_
  std::deque<UploadJob> jobs_;
  Status error_;  // the first
  bool closed_ = false;
};

}  // namespace dunlin::cuda
