// Weight matrices in the order in which the kernels' vector lanes read them, of the file's size and without
// loss.
//
// P16: a panel is 16 rows x all of K, contiguous and 64-byte aligned; the last panel is padded with zero
// rows. In a 64-byte vector, byte 4r + i belongs to row r: 16 rows x 4 consecutive K, which is one operand of
// a four-byte dot product. formats/*.h draw the block of each type. Where the 16 f16 scales of a block are
// all that it has besides whole vectors, two blocks pair them: one line of 64 bytes with both blocks' scales,
// then the two bodies. So bodies do not straddle cache lines, and a panel is read front to back. Dense types
// (F32, F16, BF16) store the 16 rows' elements of each k side by side.
//
// All functions are pure; different panels of one matrix may be packed from different threads.
#pragma once

#include <cstdint>

#include "core/tensor/dtype.h"

namespace dunlin::cpu {

enum class WeightLayout : uint8_t { kP16 };

const char* layout_name(WeightLayout layout);  // "p16"

// Packed weights are kept in files (pack_cache_file.h). Raise this whenever the bytes of any packed form
// change: older files are then made anew.
inline constexpr uint32_t kPackVersion = 1;

inline constexpr int64_t kPanelRows = 16;
inline constexpr int64_t kPanelAlignment = 64;
inline constexpr int64_t kPairedScaleBytes = 64;  // 2 blocks x 16 rows x f16

// A borrowed, packed weight [n, k].
struct PackedMatrix {
  DType type = DType::kF32;
  WeightLayout layout = WeightLayout::kP16;
  int64_t n = 0;                  // rows: the outputs
  int64_t k = 0;                  // columns: a multiple of the type's block
  const uint8_t* data = nullptr;  // packed_bytes(...), aligned to kPanelAlignment
};

// Rows as the file stores them.
struct RowSource {
  const uint8_t* rows = nullptr;
  int64_t row_stride = 0;            // bytes between rows
  const int32_t* row_map = nullptr;  // packed row -> source row, or null: the same
};

// Whether the type has a packed form and k is a multiple of its block.
bool can_pack(WeightLayout layout, DType type, int64_t k);

inline int64_t panel_count(int64_t n) {
  return (n + kPanelRows - 1) / kPanelRows;
}
int64_t panel_bytes(WeightLayout layout, DType type, int64_t k);
inline int64_t packed_bytes(WeightLayout layout, DType type, int64_t n, int64_t k) {
  return panel_count(n) * panel_bytes(layout, type, k);
}

// Packs panels [panel_begin, panel_end) of the matrix that starts at dst. It reads only these panels' rows,
// so a caller can split the work over threads.
void pack_panels(WeightLayout layout, DType type, int64_t n, int64_t k, const RowSource& source, uint8_t* dst,
                 int64_t panel_begin, int64_t panel_end);

// The inverse, for one row: the bytes that were packed, row_bytes(type, k) of them.
void unpack_row(const PackedMatrix& matrix, int64_t row, uint8_t* blocks);

// One row's values, as an embedding look-up wants them: of a packed matrix, or of a row in the file's order.
void dequantize_row(const PackedMatrix& matrix, int64_t row, float* out);
void dequantize_row(DType type, const uint8_t* blocks, int64_t k, float* out);

}  // namespace dunlin::cpu
