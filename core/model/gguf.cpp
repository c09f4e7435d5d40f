#include "core/model/gguf.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/model/gguf_parser.h"
#include "core/model/printable.h"

namespace dunlin {
namespace {

template <typename T>
T load(const uint8_t* at) {
  T out;
  std::memcpy(&out, at, sizeof out);
  return out;
}

bool is_integer(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kU16:
    case GgufType::kI16:
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kU64:
    case GgufType::kI64:
      return true;
    default:
      return false;
  }
}

bool is_float(GgufType type) {
  return type == GgufType::kF32 || type == GgufType::kF64;
}

// Any GGUF integer without loss.
struct Integer {
  bool negative = false;
  uint64_t bits = 0;  // the value in two's complement

  template <typename T>
  static Integer of(T value) {
    if constexpr (std::is_signed_v<T>) return {value < 0, uint64_t(int64_t(value))};
    return {false, uint64_t(value)};
  }
  std::string to_string() const { return negative ? str_cat(int64_t(bits)) : str_cat(bits); }
};

// Element i of an integer entry.
Integer integer_at(const GgufEntry& entry, uint64_t i) {
  const uint8_t* p = entry.payload.data();
  switch (entry.element_type) {
    case GgufType::kU8:
      return Integer::of(p[i]);
    case GgufType::kI8:
      return Integer::of(load<int8_t>(p + i));
    case GgufType::kU16:
      return Integer::of(load<uint16_t>(p + 2 * i));
    case GgufType::kI16:
      return Integer::of(load<int16_t>(p + 2 * i));
    case GgufType::kU32:
      return Integer::of(load<uint32_t>(p + 4 * i));
    case GgufType::kI32:
      return Integer::of(load<int32_t>(p + 4 * i));
    case GgufType::kU64:
      return Integer::of(load<uint64_t>(p + 8 * i));
    default:
      return Integer::of(load<int64_t>(p + 8 * i));
  }
}

double float_at(const GgufEntry& entry, uint64_t i) {
  const uint8_t* p = entry.payload.data();
  return entry.element_type == GgufType::kF32 ? double(load<float>(p + 4 * i)) : load<double>(p + 8 * i);
}

template <typename T>
constexpr const char* kIntegerName = "";
template <>
constexpr const char* kIntegerName<uint64_t> = "u64";
template <>
constexpr const char* kIntegerName<int64_t> = "i64";
template <>
constexpr const char* kIntegerName<int32_t> = "i32";

template <typename T>
bool fits(Integer value) {
  if (value.negative)
    return std::is_signed_v<T> && int64_t(value.bits) >= int64_t(std::numeric_limits<T>::min());
  return value.bits <= uint64_t(std::numeric_limits<T>::max());
}

template <typename T>
Status out_of_range(const std::string& source, const GgufEntry& entry, Integer value) {
  return Status::corrupt(source, ": metadata key ", printable(entry.key), ": the value ", value.to_string(),
                         " (", entry.type_name(), ") does not fit ", kIntegerName<T>);
}

template <typename T>
Result<std::vector<T>> integers(const std::string& source, const GgufEntry& entry) {
  std::vector<T> out;
  out.reserve(size_t(entry.count));
  for (uint64_t i = 0; i < entry.count; ++i) {
    const Integer value = integer_at(entry, i);
    if (!fits<T>(value)) return out_of_range<T>(source, entry, value);
    out.push_back(T(value.bits));
  }
  return out;
}

// A present key's value, the fallback for a missing one.
template <typename T, typename Get>
Result<T> with_fallback(bool present, T fallback, Get get) {
  if (!present) return fallback;
  return get();
}

}  // namespace

const char* gguf_value_type_name(GgufType type) {
  constexpr const char* kNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                    "bool", "string", "array", "u64", "i64", "f64"};
  return uint32_t(type) < std::size(kNames) ? kNames[uint32_t(type)] : "unknown";
}

std::string GgufEntry::type_name() const {
  if (!is_array()) return gguf_value_type_name(type);
  return str_cat("array of ", gguf_value_type_name(element_type));
}

Result<GgufFile> GgufFile::parse(std::span<const uint8_t> bytes, std::string source) {
  return GgufParser(bytes, bytes.size(), std::move(source)).parse();
}

Result<GgufFile> GgufFile::parse_front(std::span<const uint8_t> front, uint64_t file_bytes,
                                       std::string source, uint64_t& needed_bytes) {
  GgufParser parser(front, file_bytes, std::move(source));
  Result<GgufFile> file = parser.parse();
  needed_bytes = parser.needed_bytes();
  return file;
}

const GgufEntry* GgufFile::find(std::string_view key) const {
  const auto at = std::lower_bound(entry_order_.begin(), entry_order_.end(), key,
                                   [&](uint32_t i, std::string_view k) { return entries_[i].key < k; });
  return at != entry_order_.end() && entries_[*at].key == key ? &entries_[*at] : nullptr;
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  const auto at = std::lower_bound(tensor_order_.begin(), tensor_order_.end(), name,
                                   [&](uint32_t i, std::string_view n) { return tensors_[i].name < n; });
  return at != tensor_order_.end() && tensors_[*at].name == name ? &tensors_[*at] : nullptr;
}

Status GgufFile::wrong_type(const GgufEntry& entry, std::string_view expected) const {
  return Status::corrupt(source_, ": metadata key ", printable(entry.key), " is ", entry.type_name(), "; ",
                         expected, " is expected");
}

Result<const GgufEntry*> GgufFile::require(std::string_view key) const {
  const GgufEntry* entry = find(key);
  if (entry == nullptr) return Status::not_found(source_, ": metadata key ", printable(key), " is missing");
  return entry;
}

Result<const GgufEntry*> GgufFile::require_array(std::string_view key, std::string_view expected) const {
  DUNLIN_ASSIGN_OR_RETURN(const GgufEntry* entry, require(key));
  if (!entry->is_array()) return wrong_type(*entry, expected);
  return entry;
}

Result<uint64_t> GgufFile::get_u64(std::string_view key) const {
  DUNLIN_ASSIGN_OR_RETURN(const GgufEntry* entry, require(key));
  if (!is_integer(entry->type)) return wrong_type(*entry, "an integer (u64)");
  const Integer value = integer_at(*entry, 0);
  if (!fits<uint64_t>(value)) return out_of_range<uint64_t>(source_, *entry, value);
  return value.bits;
}

Result<int64_t> GgufFile::get_i64(std::string_view key) const {
  DUNLIN_ASSIGN_OR_RETURN(const GgufEntry* entry, require(key));
  if (!is_integer(entry->type)) return wrong_type(*entry, "an integer (i64)");
  const Integer value = integer_at(*entry, 0);
  if (!fits<int64_t>(value)) return out_of_range<int64_t>(source_, *entry, value);
  return int64_t(value.bits);
}

Result<double> GgufFile::get_f64(std::string_view key) const {
  DUNLIN_ASSIGN_OR_RETURN(const GgufEntry* entry, require(key));
  if (!is_float(entry->type)) return wrong_type(*entry, "a float (f32 or f64)");
  return float_at(*entry, 0);
}

Result<bool> GgufFile::get_bool(std::string_view key) const {
  DUNLIN_ASSIGN_OR_RETURN(const GgufEntry* entry, require(key));
  if (entry->type != GgufType::kBool) return wrong_type(*entry, "bool");
  return entry->payload[0] != 0;
}

Result<std::string_view> GgufFile::get_string(std::string_view key) const {
  DUNLIN_ASSIGN_OR_RETURN(const GgufEntry* entry, require(key));
  if (entry->type != GgufType::kString) return wrong_type(*entry, "string");
  const auto text = entry->payload.subspan(sizeof(uint64_t));
  return std::string_view(reinterpret_cast<const char*>(text.data()), text.size());
}

Result<uint64_t> GgufFile::get_u64_or(std::string_view key, uint64_t fallback) const {
  return with_fallback<uint64_t>(has(key), fallback, [&] { return get_u64(key); });
}
Result<int64_t> GgufFile::get_i64_or(std::string_view key, int64_t fallback) const {
  return with_fallback<int64_t>(has(key), fallback, [&] { return get_i64(key); });
}
Result<double> GgufFile::get_f64_or(std::string_view key, double fallback) const {
  return with_fallback<double>(has(key), fallback, [&] { return get_f64(key); });
}
Result<bool> GgufFile::get_bool_or(std::string_view key, bool fallback) const {
  return with_fallback<bool>(has(key), fallback, [&] { return get_bool(key); });
}
Result<std::string_view> GgufFile::get_string_or(std::string_view key, std::string_view fallback) const {
  return with_fallback<std::string_view>(has(key), fallback, [&] { return get_string(key); });
}

Result<std::vector<std::string_view>> GgufFile::get_string_array(std::string_view key) const {
  DUNLIN_ASSIGN_OR_RETURN(const GgufEntry* entry, require_array(key, "array of string"));
  if (entry->element_type != GgufType::kString) return wrong_type(*entry, "array of string");
  std::vector<std::string_view> out;
  out.reserve(size_t(entry->count));
  const uint8_t* p = entry->payload.data();  // the parser has walked the same lengths
  for (uint64_t i = 0; i < entry->count; ++i) {
    const uint64_t length = load<uint64_t>(p);
    out.emplace_back(reinterpret_cast<const char*>(p + sizeof length), size_t(length));
    p += sizeof length + length;
  }
  return out;
}

Result<std::vector<int32_t>> GgufFile::get_i32_array(std::string_view key) const {
  DUNLIN_ASSIGN_OR_RETURN(const GgufEntry* entry, require_array(key, "array of integers (i32)"));
  if (!is_integer(entry->element_type)) return wrong_type(*entry, "array of integers (i32)");
  return integers<int32_t>(source_, *entry);
}

Result<std::vector<float>> GgufFile::get_f32_array(std::string_view key) const {
  DUNLIN_ASSIGN_OR_RETURN(const GgufEntry* entry, require_array(key, "array of f32"));
  if (!is_float(entry->element_type)) return wrong_type(*entry, "array of f32");
  std::vector<float> out;
  out.reserve(size_t(entry->count));
  for (uint64_t i = 0; i < entry->count; ++i) out.push_back(float(float_at(*entry, i)));
  return out;
}

}  // namespace dunlin
