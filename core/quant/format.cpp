#include "core/quant/format.h"

#include <array>
#include <cstring>

#include "core/base/check.h"
#include "core/quant/dense.h"
#include "core/quant/q2_k.h"
#include "core/quant/q3_k.h"
#include "core/quant/q4_0.h"
#include "core/quant/q4_1.h"
#include "core/quant/q4_k.h"
#include "core/quant/q5_0.h"
#include "core/quant/q5_1.h"
#include "core/quant/q5_k.h"
#include "core/quant/q6_k.h"
#include "core/quant/q8_0.h"

namespace dunlin {
namespace {

// The row functions copy each block to an aligned one, so that blocks may lie anywhere in a file.

template <typename Block>
void dequantize_row(const uint8_t* blocks, float* out, uint64_t n) {
  DUNLIN_CHECK(n % Block::kElements == 0);
  for (uint64_t i = 0; i < n / Block::kElements; ++i) {
    Block block;
    std::memcpy(&block, blocks + i * sizeof block, sizeof block);
    dequantize_block(block, out + i * Block::kElements);
  }
}

template <typename Block>
void quantize_row(const float* x, uint8_t* blocks, uint64_t n) {
  DUNLIN_CHECK(n % Block::kElements == 0);
  for (uint64_t i = 0; i < n / Block::kElements; ++i) {
    Block block;
    quantize_block(x + i * Block::kElements, block);
    std::memcpy(blocks + i * sizeof block, &block, sizeof block);
  }
}

template <typename Block>
constexpr QuantFormat block_format(DType type) {
  return {type, dequantize_row<Block>, quantize_row<Block>};
}

constexpr std::array kFormats = {
    QuantFormat{DType::kF32, dequantize_f32, quantize_f32},
    QuantFormat{DType::kF16, dequantize_f16, quantize_f16},
    QuantFormat{DType::kBF16, dequantize_bf16, quantize_bf16},
    block_format<BlockQ4_0>(DType::kQ4_0),
    block_format<BlockQ4_1>(DType::kQ4_1),
    block_format<BlockQ5_0>(DType::kQ5_0),
    block_format<BlockQ5_1>(DType::kQ5_1),
    block_format<BlockQ8_0>(DType::kQ8_0),
    block_format<BlockQ2_K>(DType::kQ2_K),
    block_format<BlockQ3_K>(DType::kQ3_K),
    block_format<BlockQ4_K>(DType::kQ4_K),
    block_format<BlockQ5_K>(DType::kQ5_K),
    block_format<BlockQ6_K>(DType::kQ6_K),
};

}  // namespace

const QuantFormat& quant_format(DType type) {
  for (const QuantFormat& format : kFormats) {
    if (format.type == type) return format;
  }
  check_failed(__FILE__, __LINE__, "a file type", dtype_name(type));
}

}  // namespace dunlin
