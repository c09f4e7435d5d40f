#include "core/device/device.h"

namespace dunlin {

Status WeightSource::read_rows(int64_t first, int64_t n_rows, uint8_t* out) const {
  const uint64_t row = tensor.row_bytes();
  if (row_order.empty()) return tensor.read(uint64_t(first) * row, {out, size_t(uint64_t(n_rows) * row)});
  for (int64_t r = 0; r < n_rows; ++r) {
    const auto from = uint64_t(row_order[size_t(first + r)]);
    DUNLIN_RETURN_IF_ERROR(tensor.read(from * row, {out + uint64_t(r) * row, size_t(row)}));
  }
  return Status::ok();
}

}  // namespace dunlin
