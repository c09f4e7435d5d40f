#include "core/model/safetensors.h"

#include <algorithm>
#include <utility>

#include "core/base/byte_reader.h"
#include "core/base/checked_math.h"
#include "core/model/printable.h"
#include "core/model/safetensors_header.h"

namespace dunlin {
namespace {

struct DtypeName {
  const char* name;
  uint64_t bytes;
};

// The dtypes of the format; only some of them are weights.
constexpr DtypeName kDtypes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2},  {"BF16", 2},    {"I64", 8},
                                 {"I32", 4}, {"I16", 2}, {"I8", 1},   {"U8", 1},      {"U16", 2},
                                 {"U32", 4}, {"U64", 8}, {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};

uint64_t dtype_bytes(std::string_view name) {
  for (const DtypeName& dtype : kDtypes)
    if (name == dtype.name) return dtype.bytes;
  return 0;
}

// Bytes that shape and dtype ask for; nothing if they overflow.
std::optional<uint64_t> size_of(const SafetensorsEntry& entry) {
  std::optional<uint64_t> bytes = dtype_bytes(entry.dtype);
  for (const uint64_t dim : entry.shape)
    if (bytes) bytes = checked_mul(*bytes, dim);
  return bytes;
}

Status check_entry(const SafetensorsEntry& entry, uint64_t data_bytes, std::string_view source) {
  const std::string where = str_cat(source, ": tensor ", printable(entry.name), ": ");
  if (dtype_bytes(entry.dtype) == 0) return Status::corrupt(where, "unknown dtype ", printable(entry.dtype));
  const uint64_t begin = entry.offsets[0];
  const uint64_t end = entry.offsets[1];
  if (begin > end || end > data_bytes)
    return Status::corrupt(where, "data_offsets [", begin, ", ", end, ") do not fit in ", data_bytes,
                           " bytes of data; the file is incomplete or damaged, fetch it again");
  const auto expected = size_of(entry);
  if (!expected) return Status::corrupt(where, "the product of its shape overflows");
  if (*expected != end - begin)
    return Status::corrupt(where, "its shape and dtype need ", *expected, " bytes, data_offsets give ",
                           end - begin);
  return Status::ok();
}

}  // namespace

Result<SafetensorsFile> SafetensorsFile::parse(std::span<const uint8_t> bytes, std::string source) {
  uint64_t ignored = 0;
  return parse_front(bytes, bytes.size(), std::move(source), ignored);
}

Result<SafetensorsFile> SafetensorsFile::parse_front(std::span<const uint8_t> front, uint64_t file_bytes,
                                                     std::string source, uint64_t& needed_bytes) {
  SafetensorsFile file;
  file.source_ = std::move(source);
  ByteReader reader(front, file.source_, file_bytes);
  uint64_t header_bytes = 0;
  Status status = reader.read(header_bytes);
  needed_bytes = reader.needed_bytes();
  DUNLIN_RETURN_IF_ERROR(status);
  if (header_bytes > std::min(kSafetensorsMaxHeaderBytes, reader.remaining()))
    return Status::corrupt(file.source_, ": a header of ", header_bytes, " bytes at offset 0; ",
                           reader.remaining(), " bytes follow and at most ", kSafetensorsMaxHeaderBytes,
                           " are allowed; the file is incomplete or no SafeTensors file");
  std::span<const uint8_t> header;
  status = reader.read_bytes(header_bytes, header);
  needed_bytes = reader.needed_bytes();
  DUNLIN_RETURN_IF_ERROR(status);
  if (header.empty() || header[0] != '{')
    return Status::corrupt(file.source_, ": the header at offset 8 does not begin with '{'");
  const std::string_view json(reinterpret_cast<const char*>(header.data()), header.size());
  DUNLIN_ASSIGN_OR_RETURN(std::vector<SafetensorsEntry> entries, read_safetensors_header(json, file.source_));

  const uint64_t data_start = reader.offset();
  for (SafetensorsEntry& entry : entries) {
    DUNLIN_RETURN_IF_ERROR(check_entry(entry, reader.remaining(), file.source_));
    file.tensors_.push_back({std::move(entry.name), std::move(entry.dtype), std::move(entry.shape),
                             data_start + entry.offsets[0], data_start + entry.offsets[1]});
  }
  std::sort(file.tensors_.begin(), file.tensors_.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t covered = data_start;
  for (const SafetensorsTensor& tensor : file.tensors_) {
    if (tensor.begin != covered)
      return Status::corrupt(file.source_, ": tensor ", printable(tensor.name), ": begins at data offset ",
                             tensor.begin - data_start, "; ", covered - data_start,
                             " is expected, tensors may neither overlap nor leave a hole");
    covered = tensor.end;
  }
  if (covered != file_bytes)
    return Status::corrupt(file.source_, ": the tensors cover ", covered - data_start, " of ",
                           reader.remaining(), " bytes of data");
  return file;
}

Result<TensorSource> SafetensorsFile::as_weight(const SafetensorsTensor& tensor) const {
  const std::string where = str_cat(source_, ": tensor ", printable(tensor.name), ": ");
  TensorSource out;
  if (tensor.dtype == "F32") {
    out.type = DType::kF32;
  } else if (tensor.dtype == "F16") {
    out.type = DType::kF16;
  } else if (tensor.dtype == "BF16") {
    out.type = DType::kBF16;
  } else {
    return Status::unsupported(where, "dtype ", tensor.dtype,
                               " is not supported for weights; F32, F16 and BF16 are");
  }
  if (tensor.shape.empty() || tensor.shape.size() > size_t(Shape::kMaxRank))
    return Status::unsupported(where, tensor.shape.size(), " dimensions; weights have 1 to 4");
  for (const uint64_t dim : tensor.shape) {
    // A zero would let the others be as large as they like.
    if (dim == 0) return Status::unsupported(where, "an empty dimension; weights have none");
    out.shape.append(int64_t(dim));
  }
  return out;
}

}  // namespace dunlin
