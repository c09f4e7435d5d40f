#include "backends/cpu/pack.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "backends/cpu/formats/pack_format.h"
#include "core/base/check.h"
#include "core/quant/format.h"

namespace dunlin::cpu {
namespace {

constexpr const PackFormat* kFormats[] = {&kPackQ4K,  &kPackQ6K,  &kPackQ5K,  &kPackQ8_0, &kPackQ5_0,
                                          &kPackQ4_0, &kPackQ4_1, &kPackQ5_1, &kPackQ2K,  &kPackQ3K,
                                          &kPackF16,  &kPackBF16, &kPackF32};

const PackFormat* find_format(DType type) {
  for (const PackFormat* format : kFormats)
    if (format->type == type) return format;
  return nullptr;
}

const PackFormat& format_of(WeightLayout layout, DType type, int64_t k) {
  DUNLIN_CHECK_MSG(can_pack(layout, type, k), "no packed form of this type and K");
  return *find_format(type);
}

int64_t align(int64_t bytes) {
  return (bytes + kPanelAlignment - 1) / kPanelAlignment * kPanelAlignment;
}

// Where block b of a panel lies.
struct BlockPlace {
  int64_t d;  // offset of its 16 scales, if they are paired
  int64_t body;
};

BlockPlace place_of(const PackFormat& format, int64_t b) {
  if (!format.paired_d) return {0, b * format.body_bytes};
  const int64_t pair = b / 2 * (kPairedScaleBytes + 2 * format.body_bytes);
  return {pair + b % 2 * (kPairedScaleBytes / 2), pair + kPairedScaleBytes + b % 2 * format.body_bytes};
}

// One panel: 16 rows, or fewer in the last.
void pack_panel(const PackFormat& format, const uint8_t* const (&rows)[kPanelRows], int n_rows, int64_t k,
                int64_t bytes, uint8_t* panel) {
  std::memset(panel, 0, size_t(bytes));
  const int64_t block_bytes = dtype_info(format.type).block_bytes;
  for (int64_t b = 0; b < k / format.elements; ++b) {
    const BlockPlace place = place_of(format, b);
    for (int r = 0; r < n_rows; ++r)
      format.pack(rows[r] + b * block_bytes, r, panel + place.d, panel + place.body);
  }
}

}  // namespace

const char* layout_name(WeightLayout layout) {
  DUNLIN_CHECK(layout == WeightLayout::kP16);
  return "p16";
}

bool can_pack(WeightLayout layout, DType type, int64_t k) {
  const PackFormat* format = find_format(type);
  return layout == WeightLayout::kP16 && format != nullptr && k > 0 && k % format->elements == 0;
}

int64_t panel_bytes(WeightLayout layout, DType type, int64_t k) {
  const PackFormat& format = format_of(layout, type, k);
  const int64_t n_blocks = k / format.elements;
  return align(n_blocks * format.body_bytes + (format.paired_d ? (n_blocks + 1) / 2 * kPairedScaleBytes : 0));
}

void pack_panels(WeightLayout layout, DType type, int64_t n, int64_t k, const RowSource& source, uint8_t* dst,
                 int64_t panel_begin, int64_t panel_end) {
  const PackFormat& format = format_of(layout, type, k);
  DUNLIN_CHECK(panel_begin >= 0 && panel_end <= panel_count(n));
  const int64_t bytes = panel_bytes(layout, type, k);
  for (int64_t p = panel_begin; p < panel_end; ++p) {
    const int n_rows = int(std::min(kPanelRows, n - p * kPanelRows));
    const uint8_t* rows[kPanelRows] = {};
    for (int r = 0; r < n_rows; ++r) {
      const int64_t row = p * kPanelRows + r;
      rows[r] = source.rows + (source.row_map != nullptr ? source.row_map[row] : row) * source.row_stride;
    }
    pack_panel(format, rows, n_rows, k, bytes, dst + p * bytes);
  }
}

void unpack_row(const PackedMatrix& matrix, int64_t row, uint8_t* blocks) {
  const PackFormat& format = format_of(matrix.layout, matrix.type, matrix.k);
  DUNLIN_CHECK(row >= 0 && row < matrix.n);
  const int64_t block_bytes = dtype_info(matrix.type).block_bytes;
  const uint8_t* panel = matrix.data + row / kPanelRows * panel_bytes(matrix.layout, matrix.type, matrix.k);
  for (int64_t b = 0; b < matrix.k / format.elements; ++b) {
    const BlockPlace place = place_of(format, b);
    format.unpack(panel + place.d, panel + place.body, int(row % kPanelRows), blocks + b * block_bytes);
  }
}

void dequantize_row(const PackedMatrix& matrix, int64_t row, float* out) {
  const PackFormat& format = format_of(matrix.layout, matrix.type, matrix.k);
  DUNLIN_CHECK(row >= 0 && row < matrix.n);
  const QuantFormat& codec = quant_format(matrix.type);
  const uint8_t* panel = matrix.data + row / kPanelRows * panel_bytes(matrix.layout, matrix.type, matrix.k);
  std::array<uint8_t, 256> block;  // more than any type's block
  for (int64_t b = 0; b < matrix.k / format.elements; ++b) {
    const BlockPlace place = place_of(format, b);
    format.unpack(panel + place.d, panel + place.body, int(row % kPanelRows), block.data());
    codec.dequantize(block.data(), out + b * format.elements, uint64_t(format.elements));
  }
}

void dequantize_row(DType type, const uint8_t* blocks, int64_t k, float* out) {
  quant_format(type).dequantize(blocks, out, uint64_t(k));
}

}  // namespace dunlin::cpu
