#include "backends/cpu/kv_cache.h"

#include <cstring>

namespace dunlin::cpu {

Result<std::unique_ptr<KvCache>> CpuKvCache::create(const KvSpec& spec, int32_t n_blocks) {
  auto cache = std::make_unique<CpuKvCache>();
  cache->layout_ = make_kv_layout(spec.type, spec.n_head_kv, spec.head_dim);
  cache->n_layer_ = spec.n_layer;
  cache->n_blocks_ = n_blocks;
  auto memory =
      LargeBlock::allocate(size_t(spec.n_layer) * size_t(n_blocks) * size_t(cache->layout_.block_bytes));
  if (!memory.is_ok()) return memory.status().with_context("KV cache (a smaller context, -c, needs less)");
  cache->memory_ = std::move(memory).value();
  return std::unique_ptr<KvCache>(std::move(cache));
}

void CpuKvCache::copy_block(int32_t from, int32_t to) {
  for (int32_t layer = 0; layer < n_layer_; ++layer)
    std::memcpy(layer_base(layer) + to * layout_.block_bytes, layer_base(layer) + from * layout_.block_bytes,
                size_t(layout_.block_bytes));
}

}  // namespace dunlin::cpu
