#include "backends/cuda/attention_shape.h"

#include <algorithm>

namespace dunlin::cuda {
namespace {

constexpr int32_t kMaxGroup = 16;  // two mma of 8 columns

struct Choice {
  Kernel<AttentionParams> decode, decode16, prefill;
};

Choice choose_64(KvFormat format, const Kernels& k) {
  switch (format) {
    case KvFormat::kF16:
      return {k.attn_decode_f16_64, k.attn_decode16_f16_64, k.attn_prefill_f16_64};
    case KvFormat::kQ8_0:
      return {k.attn_decode_q8_64, k.attn_decode16_q8_64, k.attn_prefill_q8_64};
    case KvFormat::kFp8:
      return {k.attn_decode_fp8_64, k.attn_decode16_fp8_64, k.attn_prefill_fp8_64};
  }
  return {};
}

Choice choose_128(KvFormat format, const Kernels& k) {
  switch (format) {
    case KvFormat::kF16:
      return {k.attn_decode_f16_128, k.attn_decode16_f16_128, k.attn_prefill_f16_128};
    case KvFormat::kQ8_0:
      return {k.attn_decode_q8_128, k.attn_decode16_q8_128, k.attn_prefill_q8_128};
    case KvFormat::kFp8:
      return {k.attn_decode_fp8_128, k.attn_decode16_fp8_128, k.attn_prefill_fp8_128};
  }
  return {};
}

Choice choose(const KvView& kv, const Kernels& k) {
  if (kv.head_dim == 64) return choose_64(kv.format, k);
  return kv.head_dim == 128 ? choose_128(kv.format, k) : Choice{};
}

}  // namespace

AttentionShape shape_attention(const AttentionAttrs& attrs, const KvView& kv, int32_t n_rows,
                               int32_t n_sequences, const DeviceLimits& limits, const Kernels& kernels) {
  AttentionShape shape;
  const auto rows = uint32_t(n_rows);
  const int32_t group = attrs.n_head / attrs.n_head_kv, head_dim = attrs.head_dim;
  const Choice choice = choose(kv, kernels);
  if (choice.decode.function != nullptr && group <= kMaxGroup) {
    shape.decode = group <= 8 ? choice.decode : choice.decode16;
    shape.n_splits = std::clamp(limits.n_sm / attrs.n_head_kv, 1, kMaxAttentionSplits);
    // Decoding steps have a row a sequence.
    const int32_t n_decode_rows = std::min(n_rows, n_sequences);
    // A CTA takes more than one range where there are enough CTAs anyway.
    const int32_t ctas = std::clamp(limits.n_sm / (attrs.n_head_kv * n_decode_rows), 1, shape.n_splits);
    shape.decode_grid = {uint32_t(attrs.n_head_kv), uint32_t(ctas), uint32_t(n_decode_rows)};
    shape.decode_shared_bytes = uint32_t(attn_decode_shared_bytes(group, head_dim));
  }
  shape.append_grid = {rows, uint32_t((attrs.n_head + 2 * attrs.n_head_kv + 3) / 4)};
  if (choice.prefill.function != nullptr) {
    shape.general = choice.prefill;
    // At most one tile of a sequence is not full.
    const int32_t n_tiles = std::min(n_rows, n_rows / kPrefillTileRows + n_sequences);
    shape.general_grid = {uint32_t(n_tiles), uint32_t(attrs.n_head)};
    shape.general_block = 128;
    shape.general_shared_bytes = uint32_t(kPrefillTileRows * head_dim) * uint32_t(sizeof(float));
  } else {
    shape.general = kernels.attn_simple;
    shape.general_grid = {rows, uint32_t(attrs.n_head)};
  }
  return shape;
}

}  // namespace dunlin::cuda
