#include "tests/unit/cpu/vector/kv_oracle.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/base/e4m3.h"
#include "core/base/half.h"

namespace dunlin::cpu {
namespace {

constexpr float kLargestF16 = 65504.0f;

// Byte offsets in a head, from the drawing.
int64_t key_offset(const KvLayout& layout, int index, int d) {
  const int group = index / 16, lane = index % 16;
  if (layout.type == KvType::kF16) return 2 * ((int64_t(group) * layout.head_dim + d) * 16 + lane);
  if (layout.type == KvType::kFp8) return (int64_t(group) * layout.head_dim + d) * 16 + lane;
  return (int64_t(group) * (layout.head_dim / 4) + d / 4) * 64 + lane * 4 + d % 4;
}

int64_t key_scale_offset(const KvLayout& layout, int index, int d) {
  if (layout.type == KvType::kFp8) return layout.k_scales_offset + 2 * index;
  const int group = index / 16, lane = index % 16;
  return layout.k_scales_offset + 2 * ((int64_t(group) * layout.scale_blocks + d / 32) * 16 + lane);
}

int64_t value_offset(const KvLayout& layout, int index, int d) {
  if (layout.type == KvType::kF16) return layout.v_offset + 2 * (int64_t(index) * layout.padded_head_dim + d);
  if (layout.type == KvType::kFp8) return layout.v_offset + int64_t(index) * layout.padded_head_dim + d;
  return layout.v_offset + (int64_t(index / 4) * layout.padded_head_dim + d) * 4 + index % 4;
}

int64_t value_scale_offset(const KvLayout& layout, int index, int d) {
  if (layout.type == KvType::kFp8) return layout.v_scales_offset + 2 * index;
  return layout.v_scales_offset + 2 * (int64_t(d / 32) * kKvBlockTokens + index);
}

uint16_t saturated_half(float value) {
  return f32_to_f16(std::clamp(value, -kLargestF16, kLargestF16));
}

void put_half(uint8_t* at, uint16_t half) {
  std::memcpy(at, &half, sizeof half);
}

double half_at(const uint8_t* at) {
  uint16_t half;
  std::memcpy(&half, at, sizeof half);
  return f16_to_f32(half);
}

// The least power of two from 2^-14 to 2^7 that leaves no value above 448.
uint16_t fp8_scale_of(const KvLayout& layout, const float* x) {
  float largest = 0.0f;
  for (int i = 0; i < layout.head_dim; ++i) largest = std::max(largest, std::abs(x[i]));
  float scale = 0x1p-14f;
  while (scale < 0x1p7f && largest > 448 * scale) scale *= 2;
  return f32_to_f16(scale);
}

// Of the 32 dimensions that d is one of, or of all, as f16 holds it.
uint16_t scale_of(const KvLayout& layout, const float* x, int d) {
  if (layout.type == KvType::kFp8) return fp8_scale_of(layout, x);
  const int begin = d / 32 * 32;
  float largest = 0.0f;
  for (int i = begin; i < std::min(begin + 32, layout.head_dim); ++i)
    largest = std::max(largest, std::abs(x[i]));
  return saturated_half(largest / 127.0f);
}

int quantized(float x, uint16_t scale_half) {
  const float scale = f16_to_f32(scale_half);
  return int(std::nearbyint(std::clamp(scale > 0.0f ? x * (1.0f / scale) : 0.0f, -127.0f, 127.0f)));
}

uint8_t fp8_code(float x, uint16_t scale_half) {
  return f32_to_e4m3(std::isnan(x) ? 448.0f : x / f16_to_f32(scale_half));
}

// The code of an int8 or an e4m3 as a number.
double code_value(const KvLayout& layout, uint8_t code) {
  return layout.type == KvType::kFp8 ? double(e4m3_to_f32(code)) : int8_t(code);
}

}  // namespace

void oracle_store(const KvLayout& layout, uint8_t* block, int index, int kv_head, const float* key,
                  const float* value) {
  uint8_t* const head = block + kv_head * layout.head_bytes;
  for (int d = 0; d < layout.padded_head_dim; ++d) {
    const bool in_head = d < layout.head_dim;
    uint8_t* const value_at = head + value_offset(layout, index, d);
    if (layout.type == KvType::kF16) {
      if (in_head) put_half(head + key_offset(layout, index, d), saturated_half(key[d]));
      put_half(value_at, in_head ? saturated_half(value[d]) : 0);
      continue;
    }
    if (!in_head) {
      *value_at = 0;
      continue;
    }
    const uint16_t key_scale = scale_of(layout, key, d), value_scale = scale_of(layout, value, d);
    put_half(head + key_scale_offset(layout, index, d), key_scale);
    put_half(head + value_scale_offset(layout, index, d), value_scale);
    if (layout.type == KvType::kFp8) {
      head[key_offset(layout, index, d)] = fp8_code(key[d], key_scale);
      *value_at = fp8_code(value[d], value_scale);
      continue;
    }
    head[key_offset(layout, index, d)] = uint8_t(quantized(key[d], key_scale) + 128);
    *value_at = uint8_t(int8_t(quantized(value[d], value_scale)));
  }
}

double oracle_key(const KvLayout& layout, const uint8_t* block, int index, int kv_head, int d) {
  const uint8_t* const head = block + kv_head * layout.head_bytes;
  const uint8_t* const at = head + key_offset(layout, index, d);
  if (layout.type == KvType::kF16) return half_at(at);
  const auto code = uint8_t(layout.type == KvType::kFp8 ? *at : *at ^ 128);
  return code_value(layout, code) * half_at(head + key_scale_offset(layout, index, d));
}

double oracle_value_scale(const KvLayout& layout, const uint8_t* block, int index, int kv_head, int d) {
  return half_at(block + kv_head * layout.head_bytes + value_scale_offset(layout, index, d));
}

double oracle_value(const KvLayout& layout, const uint8_t* block, int index, int kv_head, int d) {
  const uint8_t* const head = block + kv_head * layout.head_bytes;
  const uint8_t* const at = head + value_offset(layout, index, d);
  if (layout.type == KvType::kF16) return half_at(at);
  return code_value(layout, *at) * half_at(head + value_scale_offset(layout, index, d));
}

}  // namespace dunlin::cpu
