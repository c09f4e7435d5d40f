// Brings weights to the device: bytes as the file has them, packed there by the device itself. Uploads run on
// behind upload(); finish() waits for them.
#pragma once

#include "backends/cuda/upload_readers.h"
#include "backends/cuda/weight.h"

namespace dunlin::cuda {

class WeightUploader {
 public:
  static Result<std::unique_ptr<WeightUploader>> create(const Context& context, const Kernels& kernels);

  // What the source reads from must stay until finish() or the end of the uploader.
  Result<std::unique_ptr<DeviceWeight>> upload(const WeightSource& source);
  // Nothing is uploaded afterwards.
  Status finish() { return readers_->finish(); }

 private:
  WeightUploader(const Context& context, std::unique_ptr<UploadReaders> readers)
      : context_(context), readers_(std::move(readers)) {}
  Status upload_matrix(const WeightSource& source, const MatrixView& matrix, const DeviceBuffer& buffer);
  // f32 values, converted on the host: vectors, and types without a plane.
  Status upload_converted(const WeightSource& source, const MatrixView& matrix, const DeviceBuffer& buffer);

  const Context& context_;
  std::unique_ptr<UploadReaders> readers_;
};

}  // namespace dunlin::cuda
