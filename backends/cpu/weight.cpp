#include "backends/cpu/weight.h"

#include <algorithm>
#include <array>

#include "core/base/checksum.h"
#include "core/quant/format.h"
#include "platforms/memory.h"
#include "platforms/work_split.h"

namespace dunlin::cpu {
namespace {

// Source bytes that one thread reads before it packs them: they stay in its L2 cache in between.
constexpr int64_t kSliceBytes = 256 << 10;
constexpr size_t kSampleBytes = 256;

Result<std::vector<float>> dequantize_vector(const WeightSource& source) {
  const TensorSource& t = source.tensor;
  std::vector<uint8_t> blocks(size_t(t.bytes()));
  DUNLIN_RETURN_IF_ERROR(t.read(0, blocks));
  std::vector<float> plain(size_t(t.shape.elements()));
  quant_format(t.type).dequantize(blocks.data(), plain.data(), plain.size());
  if (source.row_order.empty()) return plain;
  std::vector<float> ordered(plain.size());
  for (size_t i = 0; i < plain.size(); ++i) ordered[i] = plain[size_t(source.row_order[i])];
  return ordered;
}

// Runs body(begin, end, thread) for slices of every thread's share of [0, n), each thread up to its first
// failure.
template <typename Body>
Status for_slices(ThreadTeam& team, int64_t n, int64_t slice, Body body) {
  std::vector<Status> statuses(size_t(team.n_threads()));
  team.run([&](int thread, int n_threads) {
    const IndexRange share = static_share(n, thread, n_threads);
    Status& status = statuses[size_t(thread)];
    for (int64_t at = share.begin; at < share.end && status.is_ok(); at += slice)
      status = body(at, std::min(share.end, at + slice), thread);
  });
  for (Status& status : statuses) DUNLIN_RETURN_IF_ERROR(std::move(status));
  return Status::ok();
}

Status pack_with_team(const WeightSource& source, const PackedMatrix& to, uint8_t* data, ThreadTeam& team) {
  const int64_t stride = int64_t(source.tensor.row_bytes());
  const int64_t packed_stride = panel_bytes(to.layout, to.type, to.k);
  const int64_t slice = std::max<int64_t>(1, kSliceBytes / (stride * kPanelRows));
  const int64_t stage_bytes = slice * kPanelRows * stride;
  DUNLIN_ASSIGN_OR_RETURN(LargeBlock stages, LargeBlock::allocate(size_t(stage_bytes * team.n_threads())));
  return for_slices(team, panel_count(to.n), slice, [&](int64_t begin, int64_t end, int thread) -> Status {
    uint8_t* const stage = stages.data() + thread * stage_bytes;
    const int64_t n_rows = std::min(to.n, end * kPanelRows) - begin * kPanelRows;
    DUNLIN_RETURN_IF_ERROR(source.read_rows(begin * kPanelRows, n_rows, stage));
    pack_panels(to.layout, to.type, n_rows, to.k, {stage, stride, nullptr}, data + begin * packed_stride, 0,
                end - begin);
    return Status::ok();
  });
}

Status copy_with_team(const WeightSource& source, uint8_t* data, ThreadTeam& team) {
  const auto read = [&](int64_t begin, int64_t end, int) {
    return source.tensor.read(uint64_t(begin), {data + begin, size_t(end - begin)});
  };
  return for_slices(team, int64_t(source.tensor.bytes()), kSliceBytes, read);
}

// Some bytes from the front, the middle and the back: another model's weights differ there.
Result<uint64_t> sample_checksum(const TensorSource& tensor) {
  const uint64_t n = tensor.bytes(), part = std::min<uint64_t>(kSampleBytes, n);
  std::array<uint64_t, 3> sums;
  std::vector<uint8_t> bytes(static_cast<size_t>(part));
  const uint64_t begins[] = {0, (n - part) / 2, n - part};
  for (size_t i = 0; i < sums.size(); ++i) {
    DUNLIN_RETURN_IF_ERROR(tensor.read(begins[i], bytes));
    sums[i] = checksum64(bytes);
  }
  return checksum64({reinterpret_cast<const uint8_t*>(sums.data()), sizeof sums});
}

Result<PackKey> pack_key(const WeightSource& source) {
  PackKey key;
  key.name = source.name;
  key.type = dtype_name(source.tensor.type);
  key.n = source.tensor.shape.n_rows();
  key.k = source.tensor.shape.row_elements();
  key.form = source.for_linear ? PackForm::kPanels : PackForm::kRows;
  const std::vector<int32_t>& order = source.row_order;
  if (!order.empty())
    key.row_order =
        checksum64({reinterpret_cast<const uint8_t*>(order.data()), order.size() * sizeof(order.front())});
  DUNLIN_ASSIGN_OR_RETURN(key.sample, sample_checksum(source.tensor));
  return key;
}

}  // namespace

uint64_t CpuWeight::bytes_for(const WeightSource& source, WeightLayout layout) {
  const Shape& shape = source.tensor.shape;
  if (source.for_linear)
    return uint64_t(packed_bytes(layout, source.tensor.type, shape.n_rows(), shape.row_elements()));
  if (source.for_embedding) return source.tensor.bytes();
  return uint64_t(shape.elements()) * sizeof(float);
}

Result<std::unique_ptr<DeviceWeight>> CpuWeight::create(const WeightSource& source, WeightLayout layout,
                                                        ThreadTeam& team, WeightMemory& memory,
                                                        PackCache* cache) {
  auto weight = std::make_unique<CpuWeight>();
  const Shape& shape = source.tensor.shape;
  weight->packed_ = {source.tensor.type, layout, shape.n_rows(), shape.row_elements(), nullptr};
  if (!source.for_linear && !source.for_embedding) {
    DUNLIN_ASSIGN_OR_RETURN(weight->vector_, dequantize_vector(source));
    return std::unique_ptr<DeviceWeight>(std::move(weight));
  }
  const auto bytes = size_t(bytes_for(source, layout));
  PackKey key;
  std::span<const uint8_t> matrix;
  if (cache != nullptr) {
    DUNLIN_ASSIGN_OR_RETURN(key, pack_key(source));
    matrix = cache->find(key, bytes, team);
  }
  if (matrix.empty()) {
    auto allocated = memory.allocate(bytes);
    if (!allocated.is_ok()) return allocated.status().with_context(str_cat("weight '", source.name, "'"));
    weight->memory_ = std::move(allocated).value();
    uint8_t* data = weight->memory_.get();
    DUNLIN_RETURN_IF_ERROR(source.for_linear ? pack_with_team(source, weight->packed_, data, team)
                                             : copy_with_team(source, data, team));
    matrix = {data, bytes};
  }
  weight->matrix_bytes_ = matrix.size();
  (source.for_linear ? weight->packed_.data : weight->rows_) = matrix.data();
  if (cache != nullptr) cache->remember({std::move(key), matrix});
  return std::unique_ptr<DeviceWeight>(std::move(weight));
}

void CpuWeight::embedding_row(int64_t row, float* out) const {
  if (rows_ == nullptr) return dequantize_row(packed_, row, out);
  dequantize_row(packed_.type, rows_ + row * int64_t(row_bytes(packed_.type, uint64_t(packed_.k))), packed_.k,
                 out);
}

}  // namespace dunlin::cpu
