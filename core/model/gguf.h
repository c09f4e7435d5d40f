// GgufFile: the header of one GGUF file (version 2 or 3), checked completely before anything of it is used.
// Layout: header, metadata pairs, tensor infos, data; see the GGUF specification of ggml.
//
// Lifetime: borrows the bytes of the header; all string views and payloads point into them. Tensors have
// offsets only: their bytes are read by whoever loads them.
// Immutable after parse(), so any number of threads may read it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/tensor/dtype.h"
#include "core/tensor/shape.h"

namespace dunlin {

enum class GgufType : int32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

// "u32", "string", ...; "unknown" for an id that GGUF does not have.
const char* gguf_value_type_name(GgufType type);

// One metadata pair, undecoded. For a scalar element_type is type and count is 1.
struct GgufEntry {
  std::string_view key;
  GgufType type = GgufType::kU8;
  GgufType element_type = GgufType::kU8;
  uint64_t count = 0;
  std::span<const uint8_t> payload;  // the elements as they lie in the file

  bool is_array() const { return type == GgufType::kArray; }
  // "u32", "array of string"
  std::string type_name() const;
};

struct GgufTensor {
  std::string_view name;
  DType type = DType::kF32;
  Shape shape;          // outermost first: GGUF's dimensions reversed
  uint64_t offset = 0;  // from the start of the file
  uint64_t bytes = 0;
};

inline constexpr uint32_t kGgufDefaultAlignment = 32;
inline constexpr uint64_t kGgufMaxEntries = 65536;  // metadata pairs, and tensors
inline constexpr uint64_t kGgufMaxStringBytes = uint64_t(64) << 20;
inline constexpr uint64_t kGgufMaxNameBytes = 63;  // of a tensor

class GgufFile {
 public:
  // A whole file in memory. source names it in every error.
  static Result<GgufFile> parse(std::span<const uint8_t> bytes, std::string source);
  // The front of a file of file_bytes. If that has too little of the header, the error is for nobody's eyes
  // and needed_bytes is the length that the parser got stuck at; otherwise 0.
  static Result<GgufFile> parse_front(std::span<const uint8_t> front, uint64_t file_bytes, std::string source,
                                      uint64_t& needed_bytes);

  const std::string& source() const { return source_; }
  uint32_t version() const { return version_; }
  uint64_t alignment() const { return alignment_; }

  // In file order.
  std::span<const GgufEntry> entries() const { return entries_; }
  std::span<const GgufTensor> tensors() const { return tensors_; }

  bool has(std::string_view key) const { return find(key) != nullptr; }
  const GgufEntry* find(std::string_view key) const;
  const GgufTensor* find_tensor(std::string_view name) const;

  // Typed metadata. An integer is read from any integer type whose value fits, a float from f32 or f64;
  // anything else is an error that names the key, both types and the file. A missing key is kNotFound.
  Result<uint64_t> get_u64(std::string_view key) const;
  Result<int64_t> get_i64(std::string_view key) const;
  Result<double> get_f64(std::string_view key) const;
  Result<bool> get_bool(std::string_view key) const;
  Result<std::string_view> get_string(std::string_view key) const;

  // The same with a default for a missing key; a present key of the wrong type is still an error.
  Result<uint64_t> get_u64_or(std::string_view key, uint64_t fallback) const;
  Result<int64_t> get_i64_or(std::string_view key, int64_t fallback) const;
  Result<double> get_f64_or(std::string_view key, double fallback) const;
  Result<bool> get_bool_or(std::string_view key, bool fallback) const;
  Result<std::string_view> get_string_or(std::string_view key, std::string_view fallback) const;

  // Arrays. Strings are views into the file. An integer array follows the rule of the scalars.
  Result<std::vector<std::string_view>> get_string_array(std::string_view key) const;
  Result<std::vector<int32_t>> get_i32_array(std::string_view key) const;
  Result<std::vector<float>> get_f32_array(std::string_view key) const;

 private:
  friend class GgufParser;
  GgufFile() = default;

  Status wrong_type(const GgufEntry& entry, std::string_view expected) const;
  Result<const GgufEntry*> require(std::string_view key) const;
  Result<const GgufEntry*> require_array(std::string_view key, std::string_view expected) const;

  std::string source_;
  uint32_t version_ = 0;
  uint64_t alignment_ = kGgufDefaultAlignment;
  std::vector<GgufEntry> entries_;
  std::vector<GgufTensor> tensors_;
  // Indices sorted by key or name: lookups and the check for duplicates without a hash that a file could
  // attack.
  std::vector<uint32_t> entry_order_;
  std::vector<uint32_t> tensor_order_;
};

}  // namespace dunlin
