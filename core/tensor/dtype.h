// DType: every element and block type that a tensor can have. The ids of the file types are GGUF's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace dunlin {

enum class DType : uint8_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kBF16 = 30,
  // Not in files.
  kI32 = 200,
};

struct DTypeInfo {
  DType type;
  const char* name;         // "Q4_K", as GGUF tools print it
  uint32_t block_elements;  // elements in one block; 1 for plain types
  uint32_t block_bytes;     // bytes of one block
  bool quantized;
};

// Never null for a DType enumerator.
const DTypeInfo& dtype_info(DType type);
inline const char* dtype_name(DType type) {
  return dtype_info(type).name;
}

// The type with this GGUF id, or nothing if Dunlin does not read it.
std::optional<DType> dtype_from_gguf_id(uint32_t id);
// The GGUF name of any id, also of the types that Dunlin refuses ("IQ2_XXS"); "unknown" if GGUF has none.
const char* gguf_type_name(uint32_t id);

// Bytes of a row of n elements. n must be a multiple of block_elements.
uint64_t row_bytes(DType type, uint64_t n);

}  // namespace dunlin
