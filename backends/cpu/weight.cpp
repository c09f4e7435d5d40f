#include "backends/cpu/weight.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/base/checksum.h"
#include "core/quant/format.h"
#include "platforms/work_split.h"

namespace dunlin::cpu {
namespace {

// Source bytes that one thread packs before it gives them back: small against the model, large against a
// page.
constexpr int64_t kSliceBytes = 1 << 20;
constexpr size_t kSampleBytes = 256;

uint64_t source_row_bytes(const WeightSource& source) {
  return row_bytes(source.tensor.type, uint64_t(source.tensor.shape.row_elements()));
}

std::vector<float> dequantize_vector(const WeightSource& source) {
  const TensorView& t = source.tensor;
  std::vector<float> plain(size_t(t.shape.elements()));
  quant_format(t.type).dequantize(t.bytes.data(), plain.data(), plain.size());
  if (source.row_order.empty()) return plain;
  std::vector<float> ordered(plain.size());
  for (size_t i = 0; i < plain.size(); ++i) ordered[i] = plain[size_t(source.row_order[i])];
  return ordered;
}

void pack_with_team(const WeightSource& source, const PackedMatrix& to, uint8_t* data, ThreadTeam& team) {
  const int64_t stride = int64_t(source_row_bytes(source));
  const RowSource rows{source.tensor.bytes.data(), stride,
                       source.row_order.empty() ? nullptr : source.row_order.data()};
  const int64_t slice = std::max<int64_t>(1, kSliceBytes / (stride * kPanelRows));
  team.run([&](int thread, int n_threads) {
    const IndexRange share = static_share(panel_count(to.n), thread, n_threads);
    for (int64_t p = share.begin; p < share.end; p += slice) {
      const int64_t end = std::min(share.end, p + slice);
      pack_panels(to.layout, to.type, to.n, to.k, rows, data, p, end);
      if (!source.release || !source.row_order.empty()) continue;
      const int64_t first = p * kPanelRows * stride;
      const int64_t last = std::min(to.n, end * kPanelRows) * stride;
      source.release(source.tensor.bytes.subspan(size_t(first), size_t(last - first)));
    }
  });
}

void copy_with_team(const WeightSource& source, uint8_t* data, ThreadTeam& team) {
  team.run([&](int thread, int n_threads) {
    const IndexRange share =
        static_share(int64_t(source.tensor.bytes.size()), thread, n_threads, kSliceBytes);
    for (int64_t at = share.begin; at < share.end; at += kSliceBytes) {
      const auto part =
          source.tensor.bytes.subspan(size_t(at), size_t(std::min(kSliceBytes, share.end - at)));
      std::memcpy(data + at, part.data(), part.size());
      if (source.release) source.release(part);
    }
  });
}

// Some bytes from the front, the middle and the back: another model's weights differ there.
uint64_t sample_checksum(std::span<const uint8_t> bytes) {
  const size_t part = std::min(kSampleBytes, bytes.size());
  std::array<uint64_t, 3> sums;
  sums[0] = checksum64(bytes.first(part));
  sums[1] = checksum64(bytes.subspan((bytes.size() - part) / 2, part));
  sums[2] = checksum64(bytes.last(part));
  return checksum64({reinterpret_cast<const uint8_t*>(sums.data()), sizeof sums});
}

PackKey pack_key(const WeightSource& source) {
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
  key.sample = sample_checksum(source.tensor.bytes);
  return key;
}

}  // namespace

uint64_t CpuWeight::bytes_for(const WeightSource& source, WeightLayout layout) {
  const Shape& shape = source.tensor.shape;
  if (source.for_linear)
    return uint64_t(packed_bytes(layout, source.tensor.type, shape.n_rows(), shape.row_elements()));
  if (source.for_embedding) return source.tensor.bytes.size();
  return uint64_t(shape.elements()) * sizeof(float);
}

Result<std::unique_ptr<DeviceWeight>> CpuWeight::create(const WeightSource& source, WeightLayout layout,
                                                        ThreadTeam& team, PackCache* cache) {
  auto weight = std::make_unique<CpuWeight>();
  const Shape& shape = source.tensor.shape;
  weight->packed_ = {source.tensor.type, layout, shape.n_rows(), shape.row_elements(), nullptr};
  if (!source.for_linear && !source.for_embedding) {
    weight->vector_ = dequantize_vector(source);
    return std::unique_ptr<DeviceWeight>(std::move(weight));
  }
  const auto bytes = size_t(bytes_for(source, layout));
  PackKey key;
  std::span<const uint8_t> matrix;
  if (cache != nullptr) {
    key = pack_key(source);
    matrix = cache->find(key, bytes, team);
  }
  if (matrix.empty()) {
    auto block = LargeBlock::allocate(bytes, HugePages::kAdvise);
    if (!block.is_ok()) return block.status().with_context(str_cat("weight '", source.name, "'"));
    weight->block_ = std::move(block).value();
    uint8_t* data = weight->block_.data();
    source.for_linear ? pack_with_team(source, weight->packed_, data, team)
                      : copy_with_team(source, data, team);
    matrix = weight->block_.bytes();
  }
  weight->matrix_bytes_ = matrix.size();
  (source.for_linear ? weight->packed_.data : weight->rows_) = matrix.data();
  if (cache != nullptr) cache->remember({std::move(key), matrix});
  if (source.release) source.release(source.tensor.bytes);
  return std::unique_ptr<DeviceWeight>(std::move(weight));
}

void CpuWeight::embedding_row(int64_t row, float* out) const {
  if (rows_ == nullptr) return dequantize_row(packed_, row, out);
  dequantize_row(packed_.type, rows_ + row * int64_t(row_bytes(packed_.type, uint64_t(packed_.k))), packed_.k,
                 out);
}

}  // namespace dunlin::cpu
