// Weights and KV cache of the reference device: plain f32 arrays.
#pragma once

#include <span>
#include <vector>

#include "core/device/device.h"

namespace dunlin::reference {

inline constexpr int32_t kBlockTokens = 128;

class Weight final : public DeviceWeight {
 public:
  explicit Weight(std::vector<float> values) : values_(std::move(values)) {}
  uint64_t bytes() const override { return values_.size() * sizeof(float); }
  std::span<const float> values() const { return values_; }

 private:
  std::vector<float> values_;
};

// Rows of the source in the order of the model, dequantized.
Result<std::vector<float>> dequantize_weight(const WeightSource& source);

// [layer][block][token][K | V][n_head_kv * head_dim] f32
class Cache final : public KvCache {
 public:
  Cache(const KvSpec& spec, int32_t n_blocks);
  uint64_t bytes() const override { return data_.size() * sizeof(float); }
  int32_t n_blocks() const override { return n_blocks_; }
  void copy_block(int32_t from, int32_t to) override;

  // Rounds k and v [n_head_kv * head_dim] as the cache's type does and stores them.
  void store(int32_t layer, int32_t block, int32_t token, const float* k, const float* v);
  const float* key(int32_t layer, int32_t block, int32_t token) const { return row(layer, block, token); }
  const float* value(int32_t layer, int32_t block, int32_t token) const {
    return row(layer, block, token) + row_elements_;
  }

 private:
  const float* row(int32_t layer, int32_t block, int32_t token) const;

  KvSpec spec_;
  int32_t n_blocks_;
  int64_t row_elements_;  // of K or of V
  std::vector<float> data_;
};

}  // namespace dunlin::reference
