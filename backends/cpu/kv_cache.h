// The CPU device's KV cache: [block][layer], each block of a layer as kv_layout.h draws it, in memory that
// the system provides when it is first written, so that an unused context costs nothing. A block's layers lie
// side by side, so that this is true of huge pages as well; attention reads F16 a fifth faster with them.
#pragma once

#include "backends/cpu/kv_layout.h"
#include "core/device/device.h"
#include "platforms/memory.h"

namespace dunlin::cpu {

class CpuKvCache final : public KvCache {
 public:
  static Result<std::unique_ptr<KvCache>> create(const KvSpec& spec, int32_t n_blocks);

  uint64_t bytes() const override { return memory_.size(); }
  int32_t n_blocks() const override { return n_blocks_; }
  void copy_block(int32_t from, int32_t to) override;

  const KvLayout& layout() const { return layout_; }
  // Block id i of a layer is at layer_base(layer) + i * block_stride().
  uint8_t* layer_base(int32_t layer) { return memory_.data() + layer * layout_.block_bytes; }
  int64_t block_stride() const { return n_layer_ * layout_.block_bytes; }

 private:
  KvLayout layout_{};
  int32_t n_layer_ = 0;
  int32_t n_blocks_ = 0;
  LargeBlock memory_;
};

}  // namespace dunlin::cpu
