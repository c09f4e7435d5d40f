#include "backends/cuda/weight_uploader.h"

#include <algorithm>
#include <cstring>
#include <optional>

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

}  // namespace

Result<std::unique_ptr<WeightUploader>> WeightUploader::create(const Context& context,
                                                               const Kernels& kernels) {
  DUNLIN_ASSIGN_OR_RETURN(auto ring, StagingRing::create(context));
  return std::unique_ptr<WeightUploader>(new WeightUploader(context, kernels, std::move(ring)));
}

Result<std::unique_ptr<DeviceWeight>> WeightUploader::upload(const WeightSource& source) {
  const Plane plane = source.tensor.shape.rank() == 1 ? Plane::kF32 : plane_for(source.tensor.type);
  const bool converts = !raw_type_of(source.tensor.type) && source.tensor.type != DType::kF32 &&
                        !(is_dense_type(source.tensor.type) && source.tensor.shape.rank() == 2);
  if (converts || source.tensor.shape.rank() == 1) return upload_converted(source, plane);
  return upload_matrix(source, plane);
}

Result<std::unique_ptr<DeviceWeight>> WeightUploader::upload_matrix(const WeightSource& source, Plane plane) {
  const Shape& shape = source.tensor.shape;
  const int64_t n = shape.n_rows(), k = shape.row_elements();
  const uint64_t row = source.tensor.row_bytes();
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer buffer,
                          DeviceBuffer::allocate(context_, device_bytes(source), source.name));
  const int64_t rows_per_stage = int64_t(StagingRing::kStageBytes / row) / kStripRows * kStripRows;
  if (rows_per_stage == 0)
    return Status::unsupported("weight '", source.name, "' has rows of ", row, " bytes, at most ",
                               StagingRing::kStageBytes / kStripRows, " can be loaded");
  const std::optional<RawType> raw = raw_type_of(source.tensor.type);
  const std::string what = str_cat("uploading '", source.name, "'");
  for (int64_t first = 0; first < n; first += rows_per_stage) {
    const int64_t n_rows = std::min(rows_per_stage, n - first);
    const auto read = [&](int64_t begin, int64_t end, uint8_t* out) {
      return source.read_rows(first + begin, end - begin, out);
    };
    DUNLIN_ASSIGN_OR_RETURN(StagingRing::Stage* const stage, ring_->fill(n_rows, row, read));
    const CUdeviceptr to = raw ? stage->device() : buffer.address() + uint64_t(first) * row;
    DUNLIN_RETURN_IF_ERROR(ring_->send(*stage, to, uint64_t(n_rows) * row, what));
    if (raw) {
      const int64_t strips = (n_rows + kStripRows - 1) / kStripRows;
      PackParams p{};
      p.rows = reinterpret_cast<const uint8_t*>(stage->device());
      p.out = buffer.as<uint8_t>(uint64_t(first / kStripRows) * uint64_t(strip_bytes(plane, k)));
      p.row_bytes = int64_t(row), p.k = k;
      p.n_rows = int32_t(n_rows), p.n_strips = int32_t(strips), p.n_tiles = n_tiles(plane, k);
      p.type = *raw, p.plane = plane;
      const auto grid = uint32_t((strips * p.n_tiles + 7) / 8);
      DUNLIN_RETURN_IF_ERROR(
          make_launch(kernels_.pack_strips, source.name, {grid}, 256, p).run(context_, /*with_pdl=*/false));
    }
    DUNLIN_RETURN_IF_ERROR(ring_->release(*stage));
  }
  const MatrixView matrix{buffer.as<const uint8_t>(), n, k, plane, 0};
  return std::unique_ptr<DeviceWeight>(std::make_unique<CudaWeight>(std::move(buffer), matrix));
}

Result<std::unique_ptr<DeviceWeight>> WeightUploader::upload_converted(const WeightSource& source,
                                                                       Plane plane) {
  const Shape& shape = source.tensor.shape;
  const bool is_vector = shape.rank() == 1;
  const int64_t n = is_vector ? shape[0] : shape.n_rows(), k = is_vector ? 1 : shape.row_elements();
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer buffer,
                          DeviceBuffer::allocate(context_, device_bytes(source), source.name));
  std::vector<uint8_t> blocks(size_t(source.tensor.bytes()));
  DUNLIN_RETURN_IF_ERROR(source.tensor.read(0, blocks));
  std::vector<float> values(size_t(n * k));
  quant_format(source.tensor.type).dequantize(blocks.data(), values.data(), uint64_t(n * k));
  if (!source.row_order.empty()) {
    std::vector<float> ordered(values.size());
    for (int64_t r = 0; r < n; ++r)
      std::copy_n(values.begin() + source.row_order[size_t(r)] * k, k, ordered.begin() + r * k);
    values = std::move(ordered);
  }
  std::vector<uint8_t> bytes(buffer.size());
  quant_format(plane == Plane::kF16 ? DType::kF16 : DType::kF32)
      .quantize(values.data(), bytes.data(), uint64_t(n * k));
  const std::string what = str_cat("uploading '", source.name, "'");
  for (uint64_t at = 0; at < bytes.size(); at += StagingRing::kStageBytes) {
    const uint64_t size = std::min(StagingRing::kStageBytes, bytes.size() - at);
    const auto copy = [&](int64_t begin, int64_t end, uint8_t* out) {
      std::memcpy(out, bytes.data() + at + uint64_t(begin), size_t(end - begin));
      return Status::ok();
    };
    DUNLIN_ASSIGN_OR_RETURN(StagingRing::Stage* const stage, ring_->fill(int64_t(size), 1, copy));
    DUNLIN_RETURN_IF_ERROR(ring_->send(*stage, buffer.address() + at, size, what));
    DUNLIN_RETURN_IF_ERROR(ring_->release(*stage));
  }
  const MatrixView matrix{buffer.as<const uint8_t>(), n, k, plane, 0};
  return std::unique_ptr<DeviceWeight>(std::make_unique<CudaWeight>(std::move(buffer), matrix));
}

}  // namespace dunlin::cuda
