// KvSpec: the shape of a KV cache, in the model's terms. How a block's bytes are arranged is the backend's
// own.
#pragma once

#include <cstdint>

namespace dunlin {

enum class KvType : uint8_t { kF16, kQ8_0, kFp8 };

const char* kv_type_name(KvType type);

struct KvSpec {
  KvType type = KvType::kF16;
  int32_t n_layer = 0;
  int32_t n_head_kv = 0;
  int32_t head_dim = 0;
};

}  // namespace dunlin
