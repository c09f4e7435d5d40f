#include "backends/cuda/weight.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "core/base/half.h"
#include "core/quant/format.h"

namespace dunlin::cuda {
namespace {

constexpr uint64_t kStageBytes = uint64_t(32) << 20;

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

int64_t n_strips(const WeightSource& source) {
  return (source.tensor.shape.n_rows() + kStripRows - 1) / kStripRows;
}

}  // namespace

Plane plane_for(DType type) {
  switch (type) {
    case DType::kQ4_0:
      return Plane::kW4;
    case DType::kQ5_0:
      return Plane::kW5;
    case DType::kQ8_0:
      return Plane::kW8;
    case DType::kQ4_K:
      return Plane::kW4K;
    case DType::kQ5_K:
      return Plane::kW5K;
    case DType::kQ3_K:
    case DType::kQ6_K:
      return Plane::kW6K;
    case DType::kF32:
      return Plane::kF32;
    case DType::kBF16:
      return Plane::kBF16;
    default:
      return Plane::kF16;
  }
}

uint64_t device_bytes(const WeightSource& source) {
  const Shape& shape = source.tensor.shape;
  if (shape.rank() == 1) return uint64_t(shape[0]) * sizeof(float);
  const Plane plane = plane_for(source.tensor.type);
  if (!is_quantized(plane)) return uint64_t(shape.elements()) * uint64_t(plane_info(plane).tile_bytes);
  return uint64_t(n_strips(source)) * uint64_t(strip_bytes(plane, shape.row_elements()));
}

Result<std::unique_ptr<WeightUploader>> WeightUploader::create(const Context& context,
                                                               const Kernels& kernels) {
  std::unique_ptr<WeightUploader> uploader(new WeightUploader(context, kernels));
  for (Stage& stage : uploader->stages_) {
    DUNLIN_ASSIGN_OR_RETURN(stage.host, PinnedBuffer::allocate(context, kStageBytes, "loading"));
    DUNLIN_ASSIGN_OR_RETURN(stage.device, DeviceBuffer::allocate(context, kStageBytes, "loading"));
    DUNLIN_RETURN_IF_ERROR(context.check(context.driver().cuEventCreate(&stage.done, CU_EVENT_DISABLE_TIMING),
                                         "creating an event"));
  }
  return uploader;
}

WeightUploader::~WeightUploader() {
  (void)context_.make_current();
  (void)context_.synchronize("finishing uploads");
  for (Stage& stage : stages_)
    if (stage.done != nullptr) (void)context_.driver().cuEventDestroy(stage.done);
}

Result<WeightUploader::Stage*> WeightUploader::next_stage() {
  Stage& stage = stages_[next_];
  next_ = 1 - next_;
  if (stage.in_use) {
    ++context_.counters().n_waits;
    DUNLIN_RETURN_IF_ERROR(
        context_.check(context_.driver().cuEventSynchronize(stage.done), "uploading weights"));
  }
  stage.in_use = true;
  return &stage;
}

Status WeightUploader::finish_stage(Stage& stage) {
  return context_.check(context_.driver().cuEventRecord(stage.done, context_.stream()), "uploading weights");
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
  const int64_t rows_per_stage = int64_t(kStageBytes / row) / kStripRows * kStripRows;
  if (rows_per_stage == 0)
    return Status::unsupported("weight '", source.name, "' has rows of ", row, " bytes, at most ",
                               kStageBytes / kStripRows, " can be loaded");
  const std::optional<RawType> raw = raw_type_of(source.tensor.type);
  for (int64_t first = 0; first < n; first += rows_per_stage) {
    const int64_t n_rows = std::min(rows_per_stage, n - first);
    DUNLIN_ASSIGN_OR_RETURN(Stage* const stage, next_stage());
    DUNLIN_RETURN_IF_ERROR(source.read_rows(first, n_rows, stage->host.data()));
    const CUdeviceptr to = raw ? stage->device.address() : buffer.address() + uint64_t(first) * row;
    DUNLIN_RETURN_IF_ERROR(
        context_.check(context_.driver().cuMemcpyHtoDAsync(to, stage->host.data(), uint64_t(n_rows) * row,
                                                           context_.stream()),
                       str_cat("uploading '", source.name, "'")));
    if (raw) {
      const int64_t strips = (n_rows + kStripRows - 1) / kStripRows;
      PackParams p{};
      p.rows = stage->device.as<const uint8_t>();
      p.out = buffer.as<uint8_t>(uint64_t(first / kStripRows) * uint64_t(strip_bytes(plane, k)));
      p.row_bytes = int64_t(row), p.k = k;
      p.n_rows = int32_t(n_rows), p.n_strips = int32_t(strips), p.n_tiles = n_tiles(plane, k);
      p.type = *raw, p.plane = plane;
      const auto grid = uint32_t((strips * p.n_tiles + 7) / 8);
      DUNLIN_RETURN_IF_ERROR(
          make_launch(kernels_.pack_strips, source.name, {grid}, 256, p).run(context_, /*with_pdl=*/false));
    }
    DUNLIN_RETURN_IF_ERROR(finish_stage(*stage));
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
  for (uint64_t at = 0; at < bytes.size(); at += kStageBytes) {
    const uint64_t size = std::min(kStageBytes, bytes.size() - at);
    DUNLIN_ASSIGN_OR_RETURN(Stage* const stage, next_stage());
    std::memcpy(stage->host.data(), bytes.data() + at, size);
    DUNLIN_RETURN_IF_ERROR(
        context_.check(context_.driver().cuMemcpyHtoDAsync(buffer.address() + at, stage->host.data(), size,
                                                           context_.stream()),
                       str_cat("uploading '", source.name, "'")));
    DUNLIN_RETURN_IF_ERROR(finish_stage(*stage));
  }
  const MatrixView matrix{buffer.as<const uint8_t>(), n, k, plane, 0};
  return std::unique_ptr<DeviceWeight>(std::make_unique<CudaWeight>(std::move(buffer), matrix));
}

}  // namespace dunlin::cuda
