#include "backends/reference/storage.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/base/e4m3.h"
#include "core/base/half.h"
#include "core/device/kv_fp8.h"
#include "core/quant/format.h"

namespace dunlin::reference {

Result<std::vector<float>> dequantize_weight(const WeightSource& source) {
  const TensorSource& t = source.tensor;
  const int64_t n_columns = t.shape.row_elements();
  const int64_t n_rows = t.shape.n_rows();
  std::vector<uint8_t> row(size_t(t.row_bytes()));
  std::vector<float> values(size_t(n_rows * n_columns));
  if (t.shape.rank() == 1) {
    // A vector's elements are its rows: a bias may be reordered element by element.
    std::vector<float> plain(values.size());
    DUNLIN_RETURN_IF_ERROR(t.read(0, row));
    quant_format(t.type).dequantize(row.data(), plain.data(), plain.size());
    for (size_t i = 0; i < plain.size(); ++i)
      values[i] = plain[source.row_order.empty() ? i : size_t(source.row_order[i])];
    return values;
  }
  for (int64_t r = 0; r < n_rows; ++r) {
    DUNLIN_RETURN_IF_ERROR(source.read_rows(r, 1, row.data()));
    quant_format(t.type).dequantize(row.data(), &values[size_t(r * n_columns)], uint64_t(n_columns));
  }
  return values;
}

Cache::Cache(const KvSpec& spec, int32_t n_blocks)
    : spec_(spec),
      n_blocks_(n_blocks),
      row_elements_(int64_t(spec.n_head_kv) * spec.head_dim),
      data_(size_t(spec.n_layer) * size_t(n_blocks) * kBlockTokens * 2 * size_t(row_elements_)) {}

const float* Cache::row(int32_t layer, int32_t block, int32_t token) const {
  const size_t index = (size_t(layer) * size_t(n_blocks_) + size_t(block)) * kBlockTokens + size_t(token);
  return data_.data() + index * 2 * size_t(row_elements_);
}

namespace {

// Q8_0 keeps a scale for this many dimensions of a head; the last one covers what is left.
constexpr int32_t kScaleDims = 32;

// No cache holds an infinity.
float round_to_f16(float x) {
  constexpr float kLargestF16 = 65504.0f;
  return f16_to_f32(f32_to_f16(std::clamp(x, -kLargestF16, kLargestF16)));
}

// What values that share a scale become: int8 times an f16 scale.
void round_to_q8(const float* x, int32_t n, float* out) {
  float max = 0;
  for (int32_t i = 0; i < n; ++i) max = std::max(max, std::fabs(x[i]));
  const float scale = round_to_f16(max / 127);
  for (int32_t i = 0; i < n; ++i)
    out[i] = scale == 0 ? 0 : std::clamp(std::nearbyint(x[i] / scale), -127.0f, 127.0f) * scale;
}

// What a head's values become: E4M3 times a power of two (core/device/kv_fp8.h).
void round_to_fp8(const float* x, int32_t n, float* out) {
  float peak = 0;
  for (int32_t i = 0; i < n; ++i) peak = std::max(peak, std::fabs(x[i]));
  const float scale =
      std::bit_cast<float>(fp8_scale_float(fp8_scale_exponent(std::bit_cast<uint32_t>(peak))));
  for (int32_t i = 0; i < n; ++i) {
    const float scaled = x[i] / scale;
    out[i] = e4m3_to_f32(f32_to_e4m3(std::isnan(scaled) ? kFp8Largest : scaled)) * scale;
  }
}

void round_row(KvType type, const float* x, int64_t n, int32_t head_dim, float* out) {
  if (type == KvType::kF16) {
    for (int64_t i = 0; i < n; ++i) out[i] = round_to_f16(x[i]);
    return;
  }
  for (int64_t head = 0; head < n; head += head_dim) {
    if (type == KvType::kFp8) {
      round_to_fp8(x + head, head_dim, out + head);
      continue;
    }
    for (int32_t d = 0; d < head_dim; d += kScaleDims)
      round_to_q8(x + head + d, std::min(kScaleDims, head_dim - d), out + head + d);
  }
}

}  // namespace

void Cache::store(int32_t layer, int32_t block, int32_t token, const float* k, const float* v) {
  float* to = const_cast<float*>(row(layer, block, token));
  round_row(spec_.type, k, row_elements_, spec_.head_dim, to);
  round_row(spec_.type, v, row_elements_, spec_.head_dim, to + row_elements_);
}

void Cache::copy_block(int32_t from, int32_t to) {
  for (int32_t layer = 0; layer < spec_.n_layer; ++layer) {
    const size_t n = size_t(kBlockTokens) * 2 * size_t(row_elements_);
    std::copy_n(row(layer, from, 0), n, const_cast<float*>(row(layer, to, 0)));
  }
}

}  // namespace dunlin::reference
