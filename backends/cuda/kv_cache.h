// The device's KV cache: per layer a pool of blocks as device/kv_layout.h draws them.
#pragma once

#include "backends/cuda/context.h"
#include "backends/cuda/device/kv_layout.h"
#include "core/device/device.h"

namespace dunlin::cuda {

KvFormat kv_format(KvType type);
uint64_t kv_block_bytes(const KvSpec& spec);  // of one layer

class CudaKvCache final : public KvCache {
 public:
  static Result<std::unique_ptr<KvCache>> create(const Context& context, const KvSpec& spec,
                                                 int32_t n_blocks);

  uint64_t bytes() const override { return buffer_.size(); }
  int32_t n_blocks() const override { return n_blocks_; }
  void copy_block(int32_t from, int32_t to) override;

  KvView layer(int32_t layer) const;

 private:
  CudaKvCache(const Context& context, const KvSpec& spec, int32_t n_blocks, DeviceBuffer buffer)
      : context_(context), spec_(spec), n_blocks_(n_blocks), buffer_(std::move(buffer)) {}

  const Context& context_;
  KvSpec spec_;
  int32_t n_blocks_;
  DeviceBuffer buffer_;
};

}  // namespace dunlin::cuda
