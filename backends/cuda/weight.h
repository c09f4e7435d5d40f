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

}  // namespace dunlin::cuda
