// A weight on a CUDA device: a matrix as strips of a plane or dense rows, or a vector of f32. Immutable.
#pragma once

#include <memory>

#include "backends/cuda/device/row_params.h"
#include "backends/cuda/kernels.h"
#include "core/device/device.h"

namespace dunlin::cuda {

// The plane of a matrix of this type; always one.
Plane plane_for(DType type);

// Part of a buffer that weights share; the last of them frees it.
struct WeightMemory {
  std::shared_ptr<const DeviceBuffer> buffer;
  CUdeviceptr address = 0;
  uint64_t size = 0;

  template <typename T = uint8_t>
  T* as(uint64_t offset = 0) const {
    return reinterpret_cast<T*>(address + offset);
  }
};

class CudaWeight final : public DeviceWeight {
 public:
  CudaWeight(WeightMemory memory, MatrixView matrix) : memory_(std::move(memory)), matrix_(matrix) {}
  uint64_t bytes() const override { return memory_.size; }

  const MatrixView& matrix() const { return matrix_; }
  const float* vector() const { return memory_.as<const float>(); }

 private:
  WeightMemory memory_;
  MatrixView matrix_;
};

// Bytes that a weight takes on the device.
uint64_t device_bytes(const WeightSource& source);

}  // namespace dunlin::cuda
