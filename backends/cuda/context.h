// Context: one CUDA device that is open: its context, its stream, its limits, and owned memory on it. Steps
// go through the one stream, in order, given to it by one thread at a time; uploads have streams and threads
// of their own (UploadReaders). A Context and the driver may be used by any number of threads at once, its
// stream by one; whatever thread calls the driver has called make_current() before.
#pragma once

#include <atomic>
#include <memory>

#include "backends/cuda/device_limits.h"
#include "backends/cuda/driver.h"

namespace dunlin::cuda {

class Context {
 public:
  static Result<std::unique_ptr<Context>> open(std::shared_ptr<const Driver> driver, int32_t ordinal,
                                               bool may_use_wgmma);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Driver& driver() const { return *driver_; }
  CUstream stream() const { return stream_; }
  const DeviceLimits& limits() const { return limits_; }
  Status make_current() const;
  // Waits for everything that was given to the stream.
  Status synchronize(std::string_view what) const;
  // What was asked of the driver through this context, by any thread. Whoever asks counts it.
  struct Counters {
    std::atomic<uint64_t> n_allocations{0}, n_frees{0}, n_graphs{0}, n_waits{0};
  };
  Counters& counters() const { return counters_; }
  Status check(CUresult result, std::string_view what) const { return driver_->status(result, what); }

 private:
  Context() = default;
  // DeviceLimits::code_architecture: which of an image's codes the driver takes.
  Result<int32_t> find_code_architecture() const;

  std::shared_ptr<const Driver> driver_;
  CUdevice device_ = 0;
  CUcontext context_ = nullptr;
  CUstream stream_ = nullptr;
  DeviceLimits limits_;
  mutable Counters counters_;  // bookkeeping: part of no result
};

// Memory on the device. The context must outlive it.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  // what: for the error, "KV cache".
  static Result<DeviceBuffer> allocate(const Context& context, uint64_t bytes, std::string_view what);
  // The same, filled with zeros in stream order.
  static Result<DeviceBuffer> allocate_zeroed(const Context& context, uint64_t bytes, std::string_view what);
  DeviceBuffer(DeviceBuffer&& other) noexcept;
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept;
  ~DeviceBuffer();

  CUdeviceptr address() const { return address_; }
  uint64_t size() const { return size_; }
  template <typename T = uint8_t>
  T* as(uint64_t offset = 0) const {
    return reinterpret_cast<T*>(address_ + offset);
  }

 private:
  const Context* context_ = nullptr;
  CUdeviceptr address_ = 0;
  uint64_t size_ = 0;
};

// Page-locked host memory that the device can read and write at the same address.
class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  static Result<PinnedBuffer> allocate(const Context& context, uint64_t bytes, std::string_view what);
  PinnedBuffer(PinnedBuffer&& other) noexcept;
  PinnedBuffer& operator=(PinnedBuffer&& other) noexcept;
  ~PinnedBuffer();

  uint8_t* data() const { return data_; }
  uint64_t size() const { return size_; }

 private:
  const Context* context_ = nullptr;
  uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace dunlin::cuda
