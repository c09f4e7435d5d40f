#include "backends/cpu/kv_layout.h"

#include "core/base/check.h"

namespace dunlin::cpu {

bool supports_kv_head_dim(int head_dim) {
  return head_dim >= 16 && head_dim <= kMaxHeadDim && head_dim % 8 == 0;
}

namespace {

int32_t scale_blocks(KvType type, int head_dim) {
  if (type == KvType::kQ8_0) return (head_dim + kKvScaleDims - 1) / kKvScaleDims;
  return type == KvType::kFp8 ? 1 : 0;
}

}  // namespace

KvLayout make_kv_layout(KvType type, int n_kv_heads, int head_dim) {
  DUNLIN_CHECK(n_kv_heads >= 1);
  DUNLIN_CHECK(supports_kv_head_dim(head_dim));
  const int64_t element_bytes = type == KvType::kF16 ? 2 : 1;
  KvLayout layout{};
  layout.type = type;
  layout.n_kv_heads = n_kv_heads;
  layout.head_dim = head_dim;
  layout.padded_head_dim = (head_dim + kKvPaddedDims - 1) / kKvPaddedDims * kKvPaddedDims;
  layout.scale_blocks = scale_blocks(type, head_dim);
  const int64_t scales_bytes = int64_t(layout.scale_blocks) * kKvBlockTokens * 2;
  layout.k_scales_offset = kKvBlockTokens * head_dim * element_bytes;
  layout.v_offset = layout.k_scales_offset + scales_bytes;
  layout.v_scales_offset = layout.v_offset + kKvBlockTokens * layout.padded_head_dim * element_bytes;
  layout.head_bytes = layout.v_scales_offset + scales_bytes;
  layout.block_bytes = n_kv_heads * layout.head_bytes;
  return layout;
}

}  // namespace dunlin::cpu
