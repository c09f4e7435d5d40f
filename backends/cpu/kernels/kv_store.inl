// Writes one token's key and value into a KV block; kv_layout.h draws the layouts.

inline F32 saturate_f16(F32 v) {
  constexpr float kLargestF16 = 65504.0f;
  return vmax(set1(-kLargestF16), vmin(set1(kLargestF16), v));
}

// out[0 .. padded): x[0 .. n) as f16, then zeros; padded is a multiple of 16.
inline void convert_f16(const float* x, int n, int padded, uint16_t* out) {
  for (int i = 0; i < padded; i += kLanes) store_f16(out + i, saturate_f16(load_n(x + i, n - i)));
}

inline void store_head_f16(const KvLayout& layout, uint8_t* head, int index, const float* k, const float* v) {
  const int head_dim = layout.head_dim;
  uint16_t key[kMaxHeadDim];
  convert_f16(k, head_dim, layout.padded_head_dim, key);
  uint16_t* const keys = reinterpret_cast<uint16_t*>(head) +
                         int64_t(index / kKvGroupKeys) * head_dim * kKvGroupKeys + index % kKvGroupKeys;
  for (int d = 0; d < head_dim; ++d) keys[d * kKvGroupKeys] = key[d];
  uint16_t* const values = reinterpret_cast<uint16_t*>(head + layout.v_offset);
  convert_f16(v, head_dim, layout.padded_head_dim, values + int64_t(index) * layout.padded_head_dim);
}

// Quantizes one scale block with the scale as f16 will hold it, and returns that scale.
inline uint16_t quantize_block(const float* x, int n, int8_t* q) {
  uint16_t half[kLanes];
  store_f16(half, saturate_f16(set1(max_abs(x, n) / 127.0f)));
  const float scale = first_lane(load_f16(half));
  quantize_dims(x, n, scale > 0.0f ? 1.0f / scale : 0.0f, q);
  return half[0];
}

inline void store_head_q8(const KvLayout& layout, uint8_t* head, int index, const float* k, const float* v) {
  const int head_dim = layout.head_dim;
  const int group = index / kKvGroupKeys;
  const int lane = index % kKvGroupKeys;
  uint8_t* const keys = head + int64_t(group) * head_dim * kKvGroupKeys + 4 * lane;
  uint16_t* const key_scales = reinterpret_cast<uint16_t*>(head + layout.k_scales_offset) +
                               group * layout.scale_blocks * kKvGroupKeys + lane;
  int8_t* const values = reinterpret_cast<int8_t*>(head + layout.v_offset) +
                         int64_t(index / kKvQuadTokens) * layout.padded_head_dim * kKvQuadTokens +
                         index % kKvQuadTokens;
  uint16_t* const value_scales = reinterpret_cast<uint16_t*>(head + layout.v_scales_offset) + index;

  for (int block = 0; block < layout.scale_blocks; ++block) {
    const int begin = block * kKvScaleDims;
    const int n = head_dim - begin < kKvScaleDims ? head_dim - begin : kKvScaleDims;
    int8_t key[kKvScaleDims], value[kKvScaleDims];
    key_scales[block * kKvGroupKeys] = quantize_block(k + begin, n, key);
    for (int i = 0; i < n; ++i) {
      const int d = begin + i;
      keys[d / 4 * (4 * kKvGroupKeys) + d % 4] = uint8_t(key[i] + kKvKeyBias);
    }
    value_scales[block * kKvBlockTokens] = quantize_block(v + begin, n, value);
    for (int i = 0; i < n; ++i) values[(begin + i) * kKvQuadTokens] = value[i];
  }
  for (int d = head_dim; d < layout.padded_head_dim; ++d) values[d * kKvQuadTokens] = 0;
}

inline void store_head_fp8(const KvLayout& layout, uint8_t* head, int index, const float* k, const float* v) {
  const int head_dim = layout.head_dim;
  uint8_t key[kMaxHeadDim];
  const uint16_t key_scale = convert_fp8(k, head_dim, layout.padded_head_dim, key);
  uint8_t* const keys = head + int64_t(index / kKvGroupKeys) * head_dim * kKvGroupKeys + index % kKvGroupKeys;
  for (int d = 0; d < head_dim; ++d) keys[d * kKvGroupKeys] = key[d];
  reinterpret_cast<uint16_t*>(head + layout.k_scales_offset)[index] = key_scale;
  uint8_t* const values = head + layout.v_offset + int64_t(index) * layout.padded_head_dim;
  reinterpret_cast<uint16_t*>(head + layout.v_scales_offset)[index] =
      convert_fp8(v, head_dim, layout.padded_head_dim, values);
}

void kv_store(const KvLayout* layout, uint8_t* block, int index, int head_begin, int head_end, const float* k,
              const float* v) {
  for (int head = head_begin; head < head_end; ++head) {
    uint8_t* const page = block + head * layout->head_bytes;
    const float* const key = k + int64_t(head) * layout->head_dim;
    const float* const value = v + int64_t(head) * layout->head_dim;
    if (layout->type == KvType::kF16) {
      store_head_f16(*layout, page, index, key, value);
    } else if (layout->type == KvType::kFp8) {
      store_head_fp8(*layout, page, index, key, value);
    } else {
      store_head_q8(*layout, page, index, key, value);
    }
  }
}
