#include "core/model/gguf_writer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "core/base/check.h"
#include "core/base/checked_math.h"
#include "core/model/printable.h"
#include "platforms/atomic_file.h"

namespace dunlin {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint32_t kVersion = 3;
constexpr std::string_view kAlignmentKey = "general.alignment";

void append_raw(Bytes& out, const void* data, size_t size) {
  const auto* p = static_cast<const uint8_t*>(data);
  out.insert(out.end(), p, p + size);
}

template <typename T>
void append(Bytes& out, T value) {
  append_raw(out, &value, sizeof value);
}

void append(Bytes& out, std::string_view text) {
  append(out, uint64_t(text.size()));
  append_raw(out, text.data(), text.size());
}

template <typename T>
Bytes scalar(GgufType type, T value) {
  Bytes out;
  append(out, int32_t(type));
  append(out, value);
  return out;
}

template <typename T>
Bytes array(GgufType element, std::span<const T> values) {
  Bytes out;
  append(out, int32_t(GgufType::kArray));
  append(out, int32_t(element));
  append(out, uint64_t(values.size()));
  for (const T& value : values) append(out, value);
  return out;
}

uint64_t padding(uint64_t size, uint32_t alignment) {
  return (alignment - size % alignment) % alignment;
}

}  // namespace

GgufWriter::GgufWriter(uint32_t alignment) : alignment_(alignment) {
  DUNLIN_CHECK(alignment >= 8 && alignment <= 65536 && std::has_single_bit(alignment));
  if (alignment != kGgufDefaultAlignment) set(kAlignmentKey, scalar(GgufType::kU32, alignment));
}

void GgufWriter::set_u16(std::string_view key, uint16_t value) {
  set(key, scalar(GgufType::kU16, value));
}
void GgufWriter::set_u32(std::string_view key, uint32_t value) {
  set(key, scalar(GgufType::kU32, value));
}
void GgufWriter::set_i32(std::string_view key, int32_t value) {
  set(key, scalar(GgufType::kI32, value));
}
void GgufWriter::set_f32(std::string_view key, float value) {
  set(key, scalar(GgufType::kF32, value));
}
void GgufWriter::set_bool(std::string_view key, bool value) {
  set(key, scalar(GgufType::kBool, uint8_t(value)));
}
void GgufWriter::set_string(std::string_view key, std::string_view value) {
  set(key, scalar(GgufType::kString, value));
}
void GgufWriter::set_string_array(std::string_view key, std::span<const std::string_view> values) {
  set(key, array(GgufType::kString, values));
}
void GgufWriter::set_i32_array(std::string_view key, std::span<const int32_t> values) {
  set(key, array(GgufType::kI32, values));
}
void GgufWriter::set_u32_array(std::string_view key, std::span<const uint32_t> values) {
  set(key, array(GgufType::kU32, values));
}
void GgufWriter::set_f32_array(std::string_view key, std::span<const float> values) {
  set(key, array(GgufType::kF32, values));
}

void GgufWriter::copy(const GgufEntry& entry) {
  Bytes out;
  append(out, int32_t(entry.type));
  if (entry.is_array()) {
    append(out, int32_t(entry.element_type));
    append(out, entry.count);
  }
  append_raw(out, entry.payload.data(), entry.payload.size());
  set(entry.key, std::move(out));
}

void GgufWriter::set(std::string_view key, Bytes bytes) {
  const auto same = std::find_if(pairs_.begin(), pairs_.end(), [&](const Pair& p) { return p.key == key; });
  if (same != pairs_.end()) {
    same->bytes = std::move(bytes);
  } else {
    pairs_.push_back({std::string(key), std::move(bytes)});
  }
}

Status GgufWriter::add_tensor(std::string_view name, DType type, const Shape& shape, Producer producer) {
  const std::string where = str_cat("tensor ", printable(name), " ", shape.to_string());
  if (name.empty() || name.size() > kGgufMaxNameBytes)
    return Status::invalid(where, ": the name has ", name.size(), " bytes; GGUF allows 1 to ",
                           kGgufMaxNameBytes);
  for (const Tensor& tensor : tensors_)
    if (tensor.name == name) return Status::invalid(where, ": was added already");
  if (shape.rank() == 0) return Status::invalid(where, ": GGUF has no tensor without dimensions");
  const DTypeInfo& info = dtype_info(type);
  uint64_t elements = 1;
  for (int i = 0; i < shape.rank(); ++i) {
    const auto product = shape[i] > 0 ? checked_mul(elements, uint64_t(shape[i])) : std::nullopt;
    if (!product)
      return Status::invalid(where, ": dimensions must be positive and their product fit 64 bits");
    elements = *product;
  }
  if (uint64_t(shape.row_elements()) % info.block_elements != 0)
    return Status::invalid(where, ": type ", info.name, " needs rows of a multiple of ", info.block_elements);
  const auto bytes = checked_mul(elements / info.block_elements, info.block_bytes);
  if (!bytes) return Status::invalid(where, ": its size does not fit 64 bits");
  tensors_.push_back({std::string(name), type, shape, *bytes, std::move(producer)});
  return Status::ok();
}

Status GgufWriter::add_tensor(std::string_view name, const TensorView& tensor) {
  const std::span<const uint8_t> bytes = tensor.bytes;
  return add_tensor(name, tensor.type, tensor.shape,
                    [bytes](const Append& append_bytes) { return append_bytes(bytes); });
}

Bytes GgufWriter::header() const {
  Bytes out;
  append_raw(out, "GGUF", 4);
  append(out, kVersion);
  append(out, uint64_t(tensors_.size()));
  append(out, uint64_t(pairs_.size()));
  for (const Pair& pair : pairs_) {
    append(out, std::string_view(pair.key));
    append_raw(out, pair.bytes.data(), pair.bytes.size());
  }
  uint64_t offset = 0;
  for (const Tensor& tensor : tensors_) {
    append(out, std::string_view(tensor.name));
    append(out, uint32_t(tensor.shape.rank()));
    for (int i = tensor.shape.rank(); i-- > 0;) append(out, tensor.shape[i]);
    append(out, uint32_t(tensor.type));
    append(out, offset);
    offset += tensor.bytes + padding(tensor.bytes, alignment_);
  }
  out.resize(out.size() + size_t(padding(out.size(), alignment_)));
  return out;
}

Status GgufWriter::emit_tensor(const Tensor& tensor, const Append& append_bytes) const {
  uint64_t done = 0;
  const Status status = tensor.producer([&](std::span<const uint8_t> bytes) {
    done += bytes.size();
    if (done > tensor.bytes) return Status::internal("more than its ", tensor.bytes, " bytes were produced");
    return append_bytes(bytes);
  });
  const std::string where = str_cat("tensor ", printable(tensor.name));
  if (!status.is_ok()) return status.with_context(where);
  if (done != tensor.bytes)
    return Status::internal(where, ": ", done, " of its ", tensor.bytes, " bytes were produced");
  const Bytes zeros(size_t(padding(done, alignment_)), uint8_t(0));
  return append_bytes(zeros);
}

Status GgufWriter::emit(const Append& append_bytes) const {
  DUNLIN_RETURN_IF_ERROR(append_bytes(header()));
  for (const Tensor& tensor : tensors_) DUNLIN_RETURN_IF_ERROR(emit_tensor(tensor, append_bytes));
  return Status::ok();
}

Status GgufWriter::write(const std::string& path) const {
  DUNLIN_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  DUNLIN_RETURN_IF_ERROR(emit([&](std::span<const uint8_t> bytes) { return file.write(bytes); }));
  return file.commit();
}

Result<Bytes> GgufWriter::write_to_memory() const {
  Bytes out;
  DUNLIN_RETURN_IF_ERROR(emit([&](std::span<const uint8_t> bytes) {
    append_raw(out, bytes.data(), bytes.size());
    return Status::ok();
  }));
  return out;
}

}  // namespace dunlin
