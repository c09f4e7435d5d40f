// A packed matrix that owns its bytes.
#pragma once

#include <cstring>
#include <vector>

#include "backends/cpu/pack.h"
#include "core/base/aligned_buffer.h"

namespace dunlin::cpu {

struct PackedWeight {
  AlignedBuffer bytes;
  PackedMatrix matrix;
};

inline PackedWeight pack_rows(DType type, int64_t n, int64_t k, const std::vector<uint8_t>& rows,
                              const int32_t* row_map = nullptr) {
  PackedWeight weight;
  weight.bytes = AlignedBuffer(size_t(packed_bytes(WeightLayout::kP16, type, n, k)));
  std::memset(weight.bytes.data(), 0xEE, weight.bytes.size());  // padding must not rely on fresh memory
  const RowSource source{rows.data(), int64_t(row_bytes(type, uint64_t(k))), row_map};
  pack_panels(WeightLayout::kP16, type, n, k, source, weight.bytes.data(), 0, panel_count(n));
  weight.matrix = {type, WeightLayout::kP16, n, k, weight.bytes.data()};
  return weight;
}

}  // namespace dunlin::cpu
