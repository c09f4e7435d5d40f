#include "backends/cuda/context.h"

#include <algorithm>
#include <utility>

#include "backends/cuda/kernel_images.h"
#include "core/base/check.h"

namespace dunlin::cuda {

Result<std::unique_ptr<Context>> Context::open(std::shared_ptr<const Driver> driver, int32_t ordinal,
                                               bool may_use_wgmma) {
  std::unique_ptr<Context> c(new Context());
  c->driver_ = std::move(driver);
  const Driver& d = *c->driver_;
  DUNLIN_RETURN_IF_ERROR(c->check(d.cuDeviceGet(&c->device_, ordinal), "finding the CUDA device"));
  const auto attribute = [&](CUdevice_attribute which) {
    int value = 0;
    (void)d.cuDeviceGetAttribute(&value, which, c->device_);
    return int32_t(value);
  };
  c->limits_.n_sm = attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  c->limits_.compute_capability = 10 * attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) +
                                  attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  c->limits_.max_shared_bytes = attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
  // The primary context: libraries that use the runtime share it.
  CUcontext context = nullptr;
  DUNLIN_RETURN_IF_ERROR(
      c->check(d.cuDevicePrimaryCtxRetain(&context, c->device_), "opening the CUDA device's context"));
  c->context_ = context;
  DUNLIN_RETURN_IF_ERROR(c->make_current());
  DUNLIN_ASSIGN_OR_RETURN(c->limits_.code_architecture, c->find_code_architecture());
  const bool has_hopper_code = std::ranges::find(built_architectures(), "90a") != built_architectures().end();
  c->limits_.has_wgmma = may_use_wgmma && c->limits_.code_architecture == 90 && has_hopper_code;
  DUNLIN_RETURN_IF_ERROR(
      c->check(d.cuStreamCreate(&c->stream_, CU_STREAM_NON_BLOCKING), "creating a stream"));
  return c;
}

Result<int32_t> Context::find_code_architecture() const {
  // Any kernel will do: all images are built for the same architectures.
  constexpr std::string_view kImage = "step";
  constexpr const char* kKernel = "step_end";
  const auto image = std::ranges::find(kernel_images(), kImage, &KernelImage::name);
  DUNLIN_CHECK(image != kernel_images().end());
  const std::string what = str_cat("loading kernels for compute capability ", limits_.compute_capability);
  CUmodule module = nullptr;
  DUNLIN_RETURN_IF_ERROR(check(driver_->cuModuleLoadData(&module, image->data), what));
  CUfunction function = nullptr;
  int architecture = 0;
  Status asked = check(driver_->cuModuleGetFunction(&function, module, kKernel), what);
  // In spite of its name the virtual architecture (compute_90: 90), not the version of PTX.
  if (asked.is_ok())
    asked = check(driver_->cuFuncGetAttribute(&architecture, CU_FUNC_ATTRIBUTE_PTX_VERSION, function), what);
  (void)driver_->cuModuleUnload(module);
  if (!asked.is_ok()) return asked;
  return int32_t(architecture);
}

Context::~Context() {
  if (context_ == nullptr) return;
  (void)driver_->cuCtxSetCurrent(context_);
  if (stream_ != nullptr) (void)driver_->cuStreamDestroy(stream_);
  (void)driver_->cuDevicePrimaryCtxRelease(device_);
}

Status Context::make_current() const {
  return check(driver_->cuCtxSetCurrent(context_), "making the CUDA context current");
}

Status Context::synchronize(std::string_view what) const {
  ++counters_.n_waits;
  return check(driver_->cuStreamSynchronize(stream_), what);
}

namespace {

// Of an allocation of device memory: what there was instead, and what to do.
Status with_free_memory(const Context& context, const Status& status) {
  if (status.code() != StatusCode::kResourceExhausted) return status;
  size_t free_bytes = 0, total_bytes = 0;
  (void)context.driver().cuMemGetInfo(&free_bytes, &total_bytes);
  return Status::exhausted(
      status.message(), "; ", free_bytes, " of ", total_bytes,
      " bytes are free; a smaller context (n_ctx), fewer sequences (n_sequences), an 8-bit KV cache or a "
      "smaller model needs less");
}

}  // namespace

Result<DeviceBuffer> DeviceBuffer::allocate(const Context& context, uint64_t bytes, std::string_view what) {
  DeviceBuffer buffer;
  const uint64_t size = bytes > 0 ? bytes : 1;
  const Status status = context.check(context.driver().cuMemAlloc(&buffer.address_, size),
                                      str_cat("allocating ", size, " bytes of device memory for ", what));
  if (!status.is_ok()) return with_free_memory(context, status);
  ++context.counters().n_allocations;
  buffer.context_ = &context;
  buffer.size_ = size;
  return buffer;
}

Result<DeviceBuffer> DeviceBuffer::allocate_zeroed(const Context& context, uint64_t bytes,
                                                   std::string_view what) {
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer buffer, allocate(context, bytes, what));
  DUNLIN_RETURN_IF_ERROR(context.check(
      context.driver().cuMemsetD8Async(buffer.address(), 0, buffer.size(), context.stream()), what));
  return buffer;
}

DeviceBuffer::DeviceBuffer(DeviceBuffer&& other) noexcept
    : context_(other.context_),
      address_(std::exchange(other.address_, 0)),
      size_(std::exchange(other.size_, 0)) {}

DeviceBuffer& DeviceBuffer::operator=(DeviceBuffer&& other) noexcept {
  std::swap(context_, other.context_);
  std::swap(address_, other.address_);
  std::swap(size_, other.size_);
  return *this;
}

DeviceBuffer::~DeviceBuffer() {
  if (address_ == 0) return;
  (void)context_->make_current();
  ++context_->counters().n_frees;
  (void)context_->driver().cuMemFree(address_);
}

Result<PinnedBuffer> PinnedBuffer::allocate(const Context& context, uint64_t bytes, std::string_view what) {
  PinnedBuffer buffer;
  void* data = nullptr;
  const uint64_t size = bytes > 0 ? bytes : 1;
  constexpr unsigned kFlags = CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP;
  const Status status = context.check(context.driver().cuMemHostAlloc(&data, size, kFlags),
                                      str_cat("allocating ", size, " bytes of pinned memory for ", what));
  if (!status.is_ok()) return status;
  ++context.counters().n_allocations;
  buffer.context_ = &context;
  buffer.data_ = static_cast<uint8_t*>(data);
  buffer.size_ = size;
  return buffer;
}

PinnedBuffer::PinnedBuffer(PinnedBuffer&& other) noexcept
    : context_(other.context_),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

PinnedBuffer& PinnedBuffer::operator=(PinnedBuffer&& other) noexcept {
  std::swap(context_, other.context_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

PinnedBuffer::~PinnedBuffer() {
  if (data_ == nullptr) return;
  (void)context_->make_current();
  ++context_->counters().n_frees;
  (void)context_->driver().cuMemFreeHost(data_);
}

}  // namespace dunlin::cuda
