#include "backends/cpu/kv_cache.h"

#include <cstring>

namespace dunlin::cpu {

Result<std::unique_ptr<KvCache>> CpuKvCache::create(const KvSpec& spec, int32_t n_blocks) {
  auto cache = std::make_unique<CpuKvCache>();
  cache->layout_ = make_kv_layout(spec.type, spec.n_head_kv, spec.head_dim);
  cache->n_layer_ = spec.n_layer;
  cache->n_blocks_ = n_blocks;
  auto memory = LargeBlock::allocate(size_t(n_blocks) * size_t(cache->block_stride()), HugePages::kAdvise);
  if (!memory.is_ok()) return memory.status().with_context("KV cache (a smaller context, -c, needs less)");
  cache->memory_ = std::move(memory).value();
  return std::unique_ptr<KvCache>(std::move(cache));
}

void CpuKvCache::copy_block(int32_t from, int32_t to) {
  std::memcpy(layer_base(0) + to * block_stride(), layer_base(0) + from * block_stride(),
              size_t(block_stride()));
}

}  // namespace dunlin::cpu
