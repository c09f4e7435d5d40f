// Brings weights to the device: bytes as the file has them, packed there by the device itself. Uploads run on
// behind upload(); finish() waits for them.
#pragma once

#include <span>

#include "backends/cuda/upload_readers.h"
#include "backends/cuda/weight.h"

namespace dunlin::cuda {

// Rows of a matrix as F16, in the weight's order. Takes memory for the
// blocks of these rows and for one row of f32. Any thread.
Status read_rounded(const WeightSource& source, int64_t first, int64_t n_rows, uint8_t* out);

class WeightUploader {
 public:
  static Result<std::unique_ptr<WeightUploader>> create(const Context& context, const Kernels& kernels);

  // Takes memory for all of them: one large allocation takes less time than hundreds, which also hold up the
  // readers' calls of the driver.
  Status reserve(std::span<const WeightSource> sources);
  // What the source reads from must stay until finish() or the end of the uploader.
  Result<std::unique_ptr<DeviceWeight>> upload(const WeightSource& source);
  // Nothing is uploaded afterwards.
  Status finish() { return readers_->finish(); }

 private:
  WeightUploader(const Context& context, std::unique_ptr<UploadReaders> readers)
      : context_(context), readers_(std::move(readers)) {}
  // Of what was reserved, if as much is left.
  Result<WeightMemory> take(uint64_t bytes, const std::string& name);
  Status upload_matrix(const WeightSource& source, const MatrixView& matrix, const WeightMemory& memory);
  // Types without a plane, rounded by the readers as they go.
  Status upload_rounded(const WeightSource& source, const MatrixView& matrix, const WeightMemory& memory);
  // To f32, on the caller's thread.
  Status upload_vector(const WeightSource& source, const MatrixView& matrix, const WeightMemory& memory);

  const Context& context_;
  std::shared_ptr<const DeviceBuffer> reserved_;
  uint64_t n_taken_ = 0;                    // bytes of reserved_
  std::unique_ptr<UploadReaders> readers_;  // goes first: they write to it
};

}  // namespace dunlin::cuda
