#include "core/model/gguf_parser.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

#include "core/base/checked_math.h"
#include "core/model/printable.h"

namespace dunlin {
namespace {

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr uint64_t kMinEntryBytes = 14;  // key length, a byte of key, type, a byte of value
constexpr uint64_t kMinTensorBytes = 33;
constexpr uint64_t kMaxKeyBytes = 65535;
constexpr uint64_t kMaxDim = uint64_t(1) << 40;
constexpr uint64_t kMaxElements = uint64_t(1) << 62;
constexpr uint64_t kMinAlignment = 8;
constexpr uint64_t kMaxAlignment = 65536;

// Bytes of one element; 0 for strings, arrays and ids that GGUF does not have.
uint64_t element_bytes(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kBool:
      return 1;
    case GgufType::kU16:
    case GgufType::kI16:
      return 2;
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kF32:
      return 4;
    case GgufType::kU64:
    case GgufType::kI64:
    case GgufType::kF64:
      return 8;
    case GgufType::kString:
    case GgufType::kArray:
      break;
  }
  return 0;
}

bool all_bools(std::span<const uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b <= 1; });
}

// Indices of items sorted by name, and the first name that occurs twice.
template <typename Item, typename Name>
std::vector<uint32_t> sorted_order(const std::vector<Item>& items, Name name, const Item*& duplicate) {
  std::vector<uint32_t> order(items.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return name(items[a]) < name(items[b]); });
  const auto twin = std::adjacent_find(
      order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return name(items[a]) == name(items[b]); });
  duplicate = twin == order.end() ? nullptr : &items[*twin];
  return order;
}

}  // namespace

GgufParser::GgufParser(std::span<const uint8_t> front, uint64_t file_bytes, std::string source)
    : front_(front), file_bytes_(file_bytes), reader_(front, {}) {
  file_.source_ = std::move(source);
  reader_ = ByteReader(front, file_.source_, file_bytes);
}

void GgufParser::begin(std::string where) {
  where_ = std::move(where);
  where_offset_ = reader_.offset();
}

Result<GgufFile> GgufParser::parse() {
  DUNLIN_RETURN_IF_ERROR(read_header());
  file_.entries_.reserve(size_t(n_entries_));
  for (uint64_t i = 0; i < n_entries_; ++i) {
    begin(str_cat("metadata pair ", i));
    DUNLIN_RETURN_IF_ERROR(read_entry());
  }
  file_.tensors_.reserve(size_t(n_tensors_));
  for (uint64_t i = 0; i < n_tensors_; ++i) {
    begin(str_cat("tensor info ", i));
    DUNLIN_RETURN_IF_ERROR(read_tensor());
  }
  begin("end of the tensor infos");
  DUNLIN_RETURN_IF_ERROR(sort_names());
  DUNLIN_RETURN_IF_ERROR(read_alignment());
  const auto data_start = checked_align_up(reader_.offset(), file_.alignment_);
  if (!data_start) return corrupt("the data start overflows");
  DUNLIN_RETURN_IF_ERROR(place_tensors(*data_start));
  return std::move(file_);
}

Status GgufParser::read_header() {
  uint32_t magic = 0;
  DUNLIN_RETURN_IF_ERROR(reader_.read(magic));
  if (magic != kMagic) return corrupt("the file does not begin with \"GGUF\"; it is no GGUF file");
  DUNLIN_RETURN_IF_ERROR(reader_.read(file_.version_));
  const uint32_t version = file_.version_;
  if (version != 0 && (version & 0xFFFF) == 0)
    return Status::unsupported(file_.source_, ": a big-endian GGUF file; convert it to little-endian");
  if (version != 2 && version != 3)
    return Status::unsupported(file_.source_, ": GGUF version ", version, "; versions 2 and 3 are supported",
                               version == 1 ? ", convert the model again" : "");
  DUNLIN_RETURN_IF_ERROR(reader_.read(n_tensors_));
  DUNLIN_RETURN_IF_ERROR(reader_.read(n_entries_));
  const uint64_t entry_limit = std::min(kGgufMaxEntries, reader_.remaining() / kMinEntryBytes);
  if (n_entries_ > entry_limit)
    return corrupt(n_entries_, " metadata pairs; at most ", entry_limit, " are allowed or fit in the file");
  const uint64_t tensor_limit = std::min(kGgufMaxEntries, reader_.remaining() / kMinTensorBytes);
  if (n_tensors_ > tensor_limit)
    return corrupt(n_tensors_, " tensors; at most ", tensor_limit, " are allowed or fit in the file");
  return Status::ok();
}

Status GgufParser::read_string(uint64_t max_bytes, std::string_view what, std::string_view& out) {
  uint64_t length = 0;
  DUNLIN_RETURN_IF_ERROR(reader_.read(length));
  if (length > max_bytes) return corrupt(what, " of ", length, " bytes; at most ", max_bytes, " are allowed");
  if (length > reader_.remaining())
    return corrupt(what, " of ", length, " bytes, but only ", reader_.remaining(), " are left in the file");
  std::span<const uint8_t> bytes;
  DUNLIN_RETURN_IF_ERROR(reader_.read_bytes(length, bytes));
  out = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  return Status::ok();
}

Status GgufParser::read_entry() {
  GgufEntry entry;
  DUNLIN_RETURN_IF_ERROR(read_string(kMaxKeyBytes, "a key", entry.key));
  if (entry.key.empty()) return corrupt("an empty key");
  where_ = str_cat("metadata key ", printable(entry.key));
  int32_t type = 0;
  DUNLIN_RETURN_IF_ERROR(reader_.read(type));
  entry.type = entry.element_type = GgufType(type);
  entry.count = 1;
  DUNLIN_RETURN_IF_ERROR(entry.is_array() ? read_array(entry) : read_value(entry));
  file_.entries_.push_back(entry);
  return Status::ok();
}

// Scalars, and the elements of arrays: entry.count values of entry.element_type.
Status GgufParser::read_value(GgufEntry& entry) {
  if (entry.element_type == GgufType::kString) {
    const uint64_t begin = reader_.offset();
    std::string_view ignored;
    for (uint64_t i = 0; i < entry.count; ++i)
      DUNLIN_RETURN_IF_ERROR(read_string(kGgufMaxStringBytes, "a string", ignored));
    entry.payload = front_.subspan(size_t(begin), size_t(reader_.offset() - begin));
    return Status::ok();
  }
  const uint64_t size = element_bytes(entry.element_type);
  if (size == 0) return corrupt("value type ", int32_t(entry.element_type), "; GGUF has the types 0 to 12");
  const auto total = checked_mul(entry.count, size);
  if (!total || *total > reader_.remaining())
    return corrupt(entry.count, " values of ", size, " bytes, but only ", reader_.remaining(),
                   " bytes are left in the file");
  DUNLIN_RETURN_IF_ERROR(reader_.read_bytes(*total, entry.payload));
  if (entry.element_type == GgufType::kBool && !all_bools(entry.payload))
    return corrupt("a bool that is neither 0 nor 1");
  return Status::ok();
}

Status GgufParser::read_array(GgufEntry& entry) {
  int32_t type = 0;
  DUNLIN_RETURN_IF_ERROR(reader_.read(type));
  entry.element_type = GgufType(type);
  if (entry.element_type == GgufType::kArray) return corrupt("an array of arrays, which is not supported");
  DUNLIN_RETURN_IF_ERROR(reader_.read(entry.count));
  // A string takes 8 bytes at least: bounds the walk over them before it starts.
  if (entry.element_type == GgufType::kString && entry.count > reader_.remaining() / 8)
    return corrupt(entry.count, " strings, but only ", reader_.remaining(), " bytes are left in the file");
  return read_value(entry);
}

Status GgufParser::read_tensor() {
  GgufTensor tensor;
  DUNLIN_RETURN_IF_ERROR(read_string(kGgufMaxNameBytes, "a tensor name", tensor.name));
  if (tensor.name.empty()) return corrupt("an empty tensor name");
  where_ = str_cat("tensor ", printable(tensor.name));
  uint64_t elements = 0;
  DUNLIN_RETURN_IF_ERROR(read_shape(tensor, elements));

  uint32_t type_id = 0;
  DUNLIN_RETURN_IF_ERROR(reader_.read(type_id));
  const auto type = dtype_from_gguf_id(type_id);
  if (!type)
    return Status::unsupported(file_.source_, ": ", where_, " (at offset ", where_offset_, "): type ",
                               gguf_type_name(type_id), " (id ", type_id,
                               ") is not supported; take another quantization of the model");
  tensor.type = *type;
  const DTypeInfo& info = dtype_info(tensor.type);
  const uint64_t row = uint64_t(tensor.shape.row_elements());
  if (row % info.block_elements != 0)
    return corrupt("rows of ", row, " elements; type ", info.name, " needs a multiple of ",
                   info.block_elements);
  const auto bytes = checked_mul(elements / info.block_elements, info.block_bytes);
  if (!bytes) return corrupt("shape ", tensor.shape.to_string(), " overflows");
  tensor.bytes = *bytes;
  DUNLIN_RETURN_IF_ERROR(reader_.read(tensor.offset));  // from the data start until place_tensors
  file_.tensors_.push_back(tensor);
  return Status::ok();
}

Status GgufParser::read_shape(GgufTensor& tensor, uint64_t& elements) {
  uint32_t n_dims = 0;
  DUNLIN_RETURN_IF_ERROR(reader_.read(n_dims));
  if (n_dims < 1 || n_dims > uint32_t(Shape::kMaxRank))
    return corrupt(n_dims, " dimensions; 1 to 4 are allowed");
  std::array<uint64_t, Shape::kMaxRank> dims{};
  elements = 1;
  for (uint32_t i = 0; i < n_dims; ++i) {
    DUNLIN_RETURN_IF_ERROR(reader_.read(dims[i]));
    if (dims[i] < 1 || dims[i] > kMaxDim)
      return corrupt("dimension ", i, " is ", int64_t(dims[i]), "; 1 to 2^40 is allowed");
    const auto product = checked_mul(elements, dims[i]);
    if (!product || *product > kMaxElements) return corrupt("the product of the dimensions overflows");
    elements = *product;
  }
  for (uint32_t i = n_dims; i-- > 0;) tensor.shape.append(int64_t(dims[i]));
  return Status::ok();
}

Status GgufParser::sort_names() {
  const GgufEntry* twin_entry = nullptr;
  const GgufTensor* twin_tensor = nullptr;
  file_.entry_order_ = sorted_order(
      file_.entries_, [](const GgufEntry& e) { return e.key; }, twin_entry);
  file_.tensor_order_ = sorted_order(
      file_.tensors_, [](const GgufTensor& t) { return t.name; }, twin_tensor);
  if (twin_entry != nullptr) return corrupt("metadata key ", printable(twin_entry->key), " occurs twice");
  if (twin_tensor != nullptr) return corrupt("tensor ", printable(twin_tensor->name), " occurs twice");
  return Status::ok();
}

Status GgufParser::read_alignment() {
  DUNLIN_ASSIGN_OR_RETURN(file_.alignment_, file_.get_u64_or("general.alignment", kGgufDefaultAlignment));
  const uint64_t alignment = file_.alignment_;
  if (alignment >= kMinAlignment && alignment <= kMaxAlignment && std::has_single_bit(alignment))
    return Status::ok();
  return corrupt("general.alignment is ", alignment, "; a power of two from 8 to 65536 is expected");
}

// Offsets from the data start become offsets from the file's start; none before its range is known to exist.
Status GgufParser::place_tensors(uint64_t data_start) {
  uint64_t previous_end = data_start;
  for (GgufTensor& tensor : file_.tensors_) {
    where_ = str_cat("tensor ", printable(tensor.name));
    if (tensor.offset % file_.alignment_ != 0)
      return corrupt("data offset ", tensor.offset, " is not a multiple of the alignment ", file_.alignment_);
    const auto begin = checked_add(data_start, tensor.offset);
    const auto end = begin ? checked_add(*begin, tensor.bytes) : std::nullopt;
    if (!end || *end > file_bytes_)
      return corrupt("its ", tensor.bytes, " bytes at data offset ", tensor.offset,
                     " do not fit in the file of ", file_bytes_,
                     " bytes; the file is incomplete or damaged, fetch it again");
    if (*begin < previous_end)
      return corrupt("data offset ", tensor.offset, " overlaps the tensor before it, which ends at ",
                     previous_end - data_start);
    tensor.offset = *begin;
    previous_end = *end;
  }
  return Status::ok();
}

}  // namespace dunlin
