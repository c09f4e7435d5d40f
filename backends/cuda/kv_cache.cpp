#include "backends/cuda/kv_cache.h"

namespace dunlin::cuda {

KvFormat kv_format(KvType type) {
  switch (type) {
    case KvType::kF16:
      return KvFormat::kF16;
    case KvType::kQ8_0:
      return KvFormat::kQ8_0;
    case KvType::kFp8:
      return KvFormat::kFp8;
  }
  return KvFormat::kF16;
}

uint64_t kv_block_bytes(const KvSpec& spec) {
  return uint64_t(spec.n_head_kv) * uint64_t(kv_head_bytes(kv_format(spec.type), spec.head_dim));
}

Result<std::unique_ptr<KvCache>> CudaKvCache::create(const Context& context, const KvSpec& spec,
                                                     int32_t n_blocks) {
  const uint64_t bytes = uint64_t(spec.n_layer) * uint64_t(n_blocks) * kv_block_bytes(spec);
  // Zeroed: kernels may load whole tiles of which only a part is in use.
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer buffer, DeviceBuffer::allocate_zeroed(context, bytes, "the KV cache"));
  return std::unique_ptr<KvCache>(new CudaKvCache(context, spec, n_blocks, std::move(buffer)));
}

KvView CudaKvCache::layer(int32_t layer) const {
  KvView view{};
  view.base = buffer_.as<uint8_t>(uint64_t(layer) * uint64_t(n_blocks_) * kv_block_bytes(spec_));
  view.format = kv_format(spec_.type);
  view.n_head_kv = spec_.n_head_kv;
  view.head_dim = spec_.head_dim;
  view.head_bytes = kv_head_bytes(view.format, spec_.head_dim);
  return view;
}

void CudaKvCache::copy_block(int32_t from, int32_t to) {
  (void)context_.make_current();
  const uint64_t bytes = kv_block_bytes(spec_);
  for (int32_t l = 0; l < spec_.n_layer; ++l) {
    const uint64_t layer = uint64_t(l) * uint64_t(n_blocks_);
    // A failure is sticky and comes out of the next step.
    (void)context_.driver().cuMemcpyDtoDAsync(buffer_.address() + (layer + uint64_t(to)) * bytes,
                                              buffer_.address() + (layer + uint64_t(from)) * bytes, bytes,
                                              context_.stream());
  }
}

}  // namespace dunlin::cuda
