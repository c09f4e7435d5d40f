#include "core/tensor/dtype.h"

#include <array>

#include "core/base/check.h"

namespace dunlin {
namespace {

constexpr std::array kTypes = {
    DTypeInfo{DType::kF32, "F32", 1, 4, false},      DTypeInfo{DType::kF16, "F16", 1, 2, false},
    DTypeInfo{DType::kBF16, "BF16", 1, 2, false},    DTypeInfo{DType::kQ4_0, "Q4_0", 32, 18, true},
    DTypeInfo{DType::kQ4_1, "Q4_1", 32, 20, true},   DTypeInfo{DType::kQ5_0, "Q5_0", 32, 22, true},
    DTypeInfo{DType::kQ5_1, "Q5_1", 32, 24, true},   DTypeInfo{DType::kQ8_0, "Q8_0", 32, 34, true},
    DTypeInfo{DType::kQ2_K, "Q2_K", 256, 84, true},  DTypeInfo{DType::kQ3_K, "Q3_K", 256, 110, true},
    DTypeInfo{DType::kQ4_K, "Q4_K", 256, 144, true}, DTypeInfo{DType::kQ5_K, "Q5_K", 256, 176, true},
    DTypeInfo{DType::kQ6_K, "Q6_K", 256, 210, true}, DTypeInfo{DType::kI32, "I32", 1, 4, false},
};

// GGUF's own names by id, for errors; null where the format has no such id. Source: ggml's gguf type list.
constexpr const char* kGgufNames[] = {
    "F32",      "F16",      "Q4_0",    "Q4_1",  "Q4_2",       "Q4_3",       "Q5_0",       "Q5_1",
    "Q8_0",     "Q8_1",     "Q2_K",    "Q3_K",  "Q4_K",       "Q5_K",       "Q6_K",       "Q8_K",
    "IQ2_XXS",  "IQ2_XS",   "IQ3_XXS", "IQ1_S", "IQ4_NL",     "IQ3_S",      "IQ2_S",      "IQ4_XS",
    "I8",       "I16",      "I32",     "I64",   "F64",        "IQ1_M",      "BF16",       "Q4_0_4_4",
    "Q4_0_4_8", "Q4_0_8_8", "TQ1_0",   "TQ2_0", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4",
    "NVFP4",    "Q1_0",     "Q2_0"};

}  // namespace

const DTypeInfo& dtype_info(DType type) {
  for (const DTypeInfo& info : kTypes)
    if (info.type == type) return info;
  check_failed(__FILE__, __LINE__, "known dtype", "");
}

std::optional<DType> dtype_from_gguf_id(uint32_t id) {
  if (id >= uint32_t(DType::kI32)) return std::nullopt;
  for (const DTypeInfo& info : kTypes)
    if (uint32_t(info.type) == id) return info.type;
  return std::nullopt;
}

const char* gguf_type_name(uint32_t id) {
  return id < std::size(kGgufNames) ? kGgufNames[id] : "unknown";
}

uint64_t row_bytes(DType type, uint64_t n) {
  const DTypeInfo& info = dtype_info(type);
  DUNLIN_CHECK(n % info.block_elements == 0);
  return n / info.block_elements * info.block_bytes;
}

}  // namespace dunlin
