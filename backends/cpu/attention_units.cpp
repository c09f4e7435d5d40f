#include "backends/cpu/attention_units.h"

#include <algorithm>

#include "backends/cpu/kernels/attention_scratch.h"

namespace dunlin::cpu {
namespace {

size_t record_bytes(const KvLayout& layout) {
  return (size_t(layout.padded_head_dim) + kRecordOut) * sizeof(float);
}

int tile_tokens(int n_heads, const KvLayout& layout) {
  return std::max(1, kAttentionTileRows / (n_heads / layout.n_kv_heads));
}

}  // namespace

KvPageRange attention_pages(const AttentionCall& call) {
  const int first_key = call.window > 0 ? std::max(0, call.position - call.window + 1) : 0;
  const int last_key = call.position + call.n_tokens - 1;
  return {first_key / kKvBlockTokens, last_key / kKvBlockTokens + 1};
}

int attention_tile_tokens(const AttentionCall& call) {
  return tile_tokens(call.n_heads, *call.layout);
}

size_t attention_scratch_bytes(int n_heads, const KvLayout& layout) {
  const size_t rows = size_t(tile_tokens(n_heads, layout)) * size_t(n_heads / layout.n_kv_heads);
  const size_t queries = rows * size_t(layout.padded_head_dim) * sizeof(float);
  const size_t outputs = rows * record_bytes(layout);
  const size_t scores = kMaxBlockRows * kKvBlockTokens * sizeof(float);
  const size_t weights = kKvBlockTokens * sizeof(float) + kMaxBlockRows * kKvBlockTokens * sizeof(int16_t);
  const size_t partials = kMaxBlockRows * record_bytes(layout);
  return queries + outputs + scores + weights + partials;
}

size_t attention_partials_bytes(int n_heads, const KvLayout& layout, int n_tokens, int n_pages) {
  return size_t(n_tokens) * size_t(n_heads) * size_t(n_pages) * record_bytes(layout);
}

}  // namespace dunlin::cpu
