#include "backends/cuda/weight_uploader.h"

#include <algorithm>
#include <cstring>

#include "core/quant/format.h"

namespace dunlin::cuda {
namespace {

std::optional<RawType> raw_type_of(DType type) {
  switch (type) {
    case DType::kQ4_0:
      return RawType::kQ4_0;
    case DType::kQ5_0:
      return RawType::kQ5_0;
    case DType::kQ8_0:
      return RawType::kQ8_0;
    case DType::kQ3_K:
      return RawType::kQ3_K;
    case DType::kQ4_K:
      return RawType::kQ4_K;
    case DType::kQ5_K:
      return RawType::kQ5_K;
    case DType::kQ6_K:
      return RawType::kQ6_K;
    default:
      return std::nullopt;
  }
}

bool is_dense_type(DType type) {
  return type == DType::kF32 || type == DType::kF16 || type == DType::kBF16;
}

// What cuMemAlloc() aligns to, too.
uint64_t aligned(uint64_t bytes) {
  constexpr uint64_t kAlignment = 256;
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

Status read_rounded(const WeightSource& source, int64_t first, int64_t n_rows, uint8_t* out) {
  const uint64_t row_bytes = source.tensor.row_bytes();
  const auto k = size_t(source.tensor.shape.row_elements());
  std::vector<uint8_t> blocks(size_t(n_rows) * row_bytes);
  DUNLIN_RETURN_IF_ERROR(source.read_rows(first, n_rows, blocks.data()));
  std::vector<float> values(k);
  for (size_t r = 0; r < size_t(n_rows); ++r) {
    quant_format(source.tensor.type).dequantize(blocks.data() + r * row_bytes, values.data(), k);
    quant_format(DType::kF16).quantize(values.data(), out + r * k * sizeof(uint16_t), k);
  }
  return Status::ok();
}

Result<std::unique_ptr<WeightUploader>> WeightUploader::create(const Context& context,
                                                               const Kernels& kernels) {
  DUNLIN_ASSIGN_OR_RETURN(auto readers, UploadReaders::create(context, kernels));
  return std::unique_ptr<WeightUploader>(new WeightUploader(context, std::move(readers)));
}

Status WeightUploader::reserve(std::span<const WeightSource> sources) {
  uint64_t bytes = 0;
  for (const WeightSource& source : sources) bytes += aligned(device_bytes(source));
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer buffer, DeviceBuffer::allocate(context_, bytes, "weights"));
  reserved_ = std::make_shared<const DeviceBuffer>(std::move(buffer));
  n_taken_ = 0;
  return Status::ok();
}

Result<WeightMemory> WeightUploader::take(uint64_t bytes, const std::string& name) {
  if (reserved_ != nullptr && bytes <= reserved_->size() - n_taken_) {
    const CUdeviceptr address = reserved_->address() + n_taken_;
    n_taken_ += std::min(aligned(bytes), reserved_->size() - n_taken_);
    return WeightMemory{reserved_, address, bytes};
  }
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer buffer, DeviceBuffer::allocate(context_, bytes, name));
  const CUdeviceptr address = buffer.address();
  return WeightMemory{std::make_shared<const DeviceBuffer>(std::move(buffer)), address, bytes};
}

Result<std::unique_ptr<DeviceWeight>> WeightUploader::upload(const WeightSource& source) {
  const Shape& shape = source.tensor.shape;
  const bool is_vector = shape.rank() == 1;
  const Plane plane = is_vector ? Plane::kF32 : plane_for(source.tensor.type);
  DUNLIN_ASSIGN_OR_RETURN(WeightMemory memory, take(device_bytes(source), source.name));
  const MatrixView matrix{memory.as<const uint8_t>(), is_vector ? shape[0] : shape.n_rows(),
                          is_vector ? 1 : shape.row_elements(), plane, 0};
  const bool has_plane = raw_type_of(source.tensor.type) || is_dense_type(source.tensor.type);
  const Status queued = is_vector   ? upload_vector(source, matrix, memory)
                        : has_plane ? upload_matrix(source, matrix, memory)
                                    : upload_rounded(source, matrix, memory);
  if (!queued.is_ok()) {
    readers_->drop();  // before the memory that they write to goes
    return queued;
  }
  return std::unique_ptr<DeviceWeight>(std::make_unique<CudaWeight>(std::move(memory), matrix));
}

Status WeightUploader::upload_matrix(const WeightSource& source, const MatrixView& matrix,
                                     const WeightMemory& memory) {
  const uint64_t row = source.tensor.row_bytes();
  const std::optional<RawType> raw = raw_type_of(source.tensor.type);
  const int64_t granule = raw ? kStripRows : 1;
  const int64_t rows_per_job = int64_t(UploadReaders::kStageBytes / row) / granule * granule;
  if (rows_per_job == 0)
    return Status::unsupported("weight '", source.name, "' has rows of ", row, " bytes, at most ",
                               UploadReaders::kStageBytes / uint64_t(granule), " can be loaded");
  const auto shared = std::make_shared<const WeightSource>(source);
  for (int64_t first = 0; first < matrix.n; first += rows_per_job) {
    const int64_t n_rows = std::min(rows_per_job, matrix.n - first);
    UploadJob job;
    job.name = source.name;
    job.bytes = uint64_t(n_rows) * row;
    job.read = [shared, first, n_rows](uint8_t* out) { return shared->read_rows(first, n_rows, out); };
    job.to = memory.address + uint64_t(first) * row;
    if (raw) {
      PackParams& p = job.pack.emplace();
      p.out =
          memory.as<uint8_t>(uint64_t(first / kStripRows) * uint64_t(strip_bytes(matrix.plane, matrix.k)));
      p.row_bytes = int64_t(row), p.k = matrix.k;
      p.n_rows = int32_t(n_rows), p.n_strips = int32_t((n_rows + kStripRows - 1) / kStripRows);
      p.n_tiles = n_tiles(matrix.plane, matrix.k);
      p.type = *raw, p.plane = matrix.plane;
    }
    DUNLIN_RETURN_IF_ERROR(readers_->add(std::move(job)));
  }
  return Status::ok();
}

Status WeightUploader::upload_rounded(const WeightSource& source, const MatrixView& matrix,
                                      const WeightMemory& memory) {
  const uint64_t row = uint64_t(matrix.k) * sizeof(uint16_t);
  const auto rows_per_job = int64_t(UploadReaders::kStageBytes / row);
  if (rows_per_job == 0)
    return Status::unsupported("weight '", source.name, "' has rows of ", row, " bytes as F16, at most ",
                               UploadReaders::kStageBytes, " can be loaded");
  const auto shared = std::make_shared<const WeightSource>(source);
  for (int64_t first = 0; first < matrix.n; first += rows_per_job) {
    const int64_t n_rows = std::min(rows_per_job, matrix.n - first);
    UploadJob job;
    job.name = source.name;
    job.bytes = uint64_t(n_rows) * row;
    job.read = [shared, first, n_rows](uint8_t* out) { return read_rounded(*shared, first, n_rows, out); };
    job.to = memory.address + uint64_t(first) * row;
    DUNLIN_RETURN_IF_ERROR(readers_->add(std::move(job)));
  }
  return Status::ok();
}

Status WeightUploader::upload_vector(const WeightSource& source, const MatrixView& matrix,
                                     const WeightMemory& memory) {
  const auto n = size_t(matrix.n);
  std::vector<uint8_t> blocks(size_t(source.tensor.bytes()));
  DUNLIN_RETURN_IF_ERROR(source.tensor.read(0, blocks));
  std::vector<float> values(n);
  quant_format(source.tensor.type).dequantize(blocks.data(), values.data(), n);
  const auto ordered = std::make_shared<std::vector<float>>(values);
  if (!source.row_order.empty())
    for (size_t i = 0; i < n; ++i) (*ordered)[i] = values[size_t(source.row_order[i])];
  for (uint64_t at = 0; at < n * sizeof(float); at += UploadReaders::kStageBytes) {
    UploadJob job;
    job.name = source.name;
    job.bytes = std::min(UploadReaders::kStageBytes, n * sizeof(float) - at);
    job.read = [ordered, at, size = job.bytes](uint8_t* out) {
      std::memcpy(out, reinterpret_cast<const uint8_t*>(ordered->data()) + at, size);
      return Status::ok();
    };
    job.to = memory.address + at;
    DUNLIN_RETURN_IF_ERROR(readers_->add(std::move(job)));
  }
  return Status::ok();
}

}  // namespace dunlin::cuda
