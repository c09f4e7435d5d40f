// TensorSource: a typed, shaped tensor whose bytes are copied out of where they lie, a model file or
// somebody's memory, in parts of the reader's choice. Rows are contiguous, no strides.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <span>

#include "core/base/check.h"
#include "core/base/status.h"
#include "core/tensor/dtype.h"
#include "core/tensor/shape.h"
#include "core/tensor/tensor.h"

namespace dunlin {

// Fills out with the bytes from offset on. Called from any thread.
using ReadBytes = std::function<Status(uint64_t offset, std::span<uint8_t> out)>;

struct TensorSource {
  DType type = DType::kF32;
  Shape shape;
  ReadBytes read;  // the tensor's bytes, counted from its first

  uint64_t row_bytes() const { return dunlin::row_bytes(type, uint64_t(shape.row_elements())); }
  uint64_t bytes() const { return uint64_t(shape.n_rows()) * row_bytes(); }
};

// Borrows the bytes.
inline ReadBytes read_from_memory(std::span<const uint8_t> bytes) {
  return [bytes](uint64_t offset, std::span<uint8_t> out) {
    DUNLIN_CHECK(offset <= bytes.size() && out.size() <= bytes.size() - offset);
    if (!out.empty()) std::memcpy(out.data(), bytes.data() + offset, out.size());
    return Status::ok();
  };
}

inline TensorSource source_in_memory(const TensorView& view) {
  return {view.type, view.shape, read_from_memory(view.bytes)};
}

}  // namespace dunlin
