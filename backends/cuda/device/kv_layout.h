// Where a token's keys and values are in the device's KV cache. Per layer:
//   [block][kv head] { K rows, V rows, K scales, V scales }, kKvBlockTokens rows each
// F16: rows of head_dim halves, no scales. Q8_0: rows of head_dim int8, one half scale per 32 dimensions.
// FP8: rows of head_dim e4m3, one half scale (core/device/kv_fp8.h).
#pragma once

#include <cstdint>

namespace dunlin::cuda {

inline constexpr int32_t kKvBlockTokens = 64;
inline constexpr int32_t kKvScaleGroup = 32;

enum class KvFormat : int32_t { kF16 = 0, kQ8_0 = 1, kFp8 = 2 };

struct KvView {
  uint8_t* base;  // of the layer
  KvFormat format;
  int32_t n_head_kv;
  int32_t head_dim;
  int32_t head_bytes;  // of one kv head in one block, kv_head_bytes()
};

constexpr int32_t kv_row_bytes(KvFormat format, int32_t head_dim) {
  return format == KvFormat::kF16 ? head_dim * 2 : head_dim;
}
constexpr int32_t kv_scale_row_bytes(KvFormat format, int32_t head_dim) {
  if (format == KvFormat::kQ8_0) return (head_dim + kKvScaleGroup - 1) / kKvScaleGroup * 2;
  return format == KvFormat::kFp8 ? 2 : 0;
}
// A multiple of 16 for every head_dim that is a multiple of 8.
constexpr int32_t kv_head_bytes(KvFormat format, int32_t head_dim) {
  return 2 * kKvBlockTokens * (kv_row_bytes(format, head_dim) + kv_scale_row_bytes(format, head_dim));
}

}  // namespace dunlin::cuda
