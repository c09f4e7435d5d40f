// Brings weights to the device: bytes as the file has them through a ring of pinned memory, packed there by
// the device itself. Uploads run on behind upload(); finish() waits for them.
#pragma once

#include "backends/cuda/kernels.h"
#include "backends/cuda/staging_ring.h"
#include "backends/cuda/weight.h"

namespace dunlin::cuda {

class WeightUploader {
 public:
  static Result<std::unique_ptr<WeightUploader>> create(const Context& context, const Kernels& kernels);

  Result<std::unique_ptr<DeviceWeight>> upload(const WeightSource& source);
  Status finish() { return ring_->finish(); }

 private:
  WeightUploader(const Context& context, const Kernels& kernels, std::unique_ptr<StagingRing> ring)
      : context_(context), kernels_(kernels), ring_(std::move(ring)) {}
  Result<std::unique_ptr<DeviceWeight>> upload_matrix(const WeightSource& source, Plane plane);
  // f32 values, converted on the host: vectors, and types without a plane.
  Result<std::unique_ptr<DeviceWeight>> upload_converted(const WeightSource& source, Plane plane);

  const Context& context_;
  const Kernels& kernels_;
  std::unique_ptr<StagingRing> ring_;
};

}  // namespace dunlin::cuda
