// A weight on a CUDA device: a matrix as strips of a plane or dense rows, or a vector of f32. Immutable.
#pragma once

#include "backends/cuda/device/row_params.h"
#include "backends/cuda/kernels.h"
#include "core/device/device.h"

namespace dunlin::cuda {

// The plane of a matrix of this type; always one.
Plane plane_for(DType type);

class CudaWeight final : public DeviceWeight {
 public:
  CudaWeight(DeviceBuffer buffer, MatrixView matrix) : buffer_(std::move(buffer)), matrix_(matrix) {}
  uint64_t bytes() const override { return buffer_.size(); }

  const MatrixView& matrix() const { return matrix_; }
  const float* vector() const { return reinterpret_cast<const float*>(buffer_.address()); }

 private:
  DeviceBuffer buffer_;
  MatrixView matrix_;
};

// Bytes that a weight takes on the device.
uint64_t device_bytes(const WeightSource& source);

// Brings weights to the device through two pinned buffers: while one is copied and packed on the device, the
// other is filled from the file. Host memory is these buffers, whatever the size of the model.
class WeightUploader {
 public:
  static Result<std::unique_ptr<WeightUploader>> create(const Context& context, const Kernels& kernels);
  ~WeightUploader();

  Result<std::unique_ptr<DeviceWeight>> upload(const WeightSource& source);

 private:
  struct Stage {
    PinnedBuffer host;
    DeviceBuffer device;
    CUevent done = nullptr;
    bool in_use = false;
  };

  WeightUploader(const Context& context, const Kernels& kernels) : context_(context), kernels_(kernels) {}
  Result<std::unique_ptr<DeviceWeight>> upload_matrix(const WeightSource& source, Plane plane);
  // f32 values, converted on the host: vectors, and types without a plane.
  Result<std::unique_ptr<DeviceWeight>> upload_converted(const WeightSource& source, Plane plane);
  Result<Stage*> next_stage();
  Status finish_stage(Stage& stage);

  const Context& context_;
  const Kernels& kernels_;
  Stage stages_[2];
  int next_ = 0;
};

}  // namespace dunlin::cuda
