// What lies in a KV block after kv_store (kv_layout.h), on every instruction set.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "core/base/aligned_buffer.h"
#include "core/base/half.h"
#include "tests/unit/cpu/vector/runnable_vector_tables.h"

namespace dunlin::cpu {
namespace {

constexpr int kHeads = 3;
constexpr int kIndex = 37;

struct Token {
  std::vector<float> k, v;
};

Token make_token(int head_dim) {
  std::mt19937 rng(7);
  std::normal_distribution<float> normal;
  Token token;
  for (std::vector<float>* part : {&token.k, &token.v}) {
    part->resize(size_t(kHeads * head_dim));
    for (float& value : *part) value = normal(rng);
  }
  token.k[size_t(head_dim) + 1] = 1e-6f;  // subnormal as f16
  return token;
}

// The block after the token's heads 1 and 2 are stored, all else 0xA5.
AlignedBuffer store(const VectorKernelTable& table, const KvLayout& layout, const Token& token) {
  AlignedBuffer block{size_t(layout.block_bytes)};
  std::fill_n(block.data(), layout.block_bytes, uint8_t(0xA5));
  table.kv_store(&layout, block.data(), kIndex, 1, kHeads, token.k.data(), token.v.data());
  return block;
}

uint16_t half_at(const uint8_t* p, int64_t index) {
  uint16_t half;
  std::memcpy(&half, p + 2 * index, sizeof half);
  return half;
}

TEST_CASE("an F16 block holds keys by groups of 16 and values by token, rounded to nearest") {
  for (const int head_dim : {16, 24, 72, 128}) {
    const KvLayout layout = make_kv_layout(KvType::kF16, kHeads, head_dim);
    Token token = make_token(head_dim);
    token.v[size_t(head_dim)] = 1e9f;
    token.v[size_t(head_dim) + 1] = -1e9f;
    for (const VectorKernelTable* table : runnable_vector_tables()) {
      INFO(table->isa << " head_dim " << head_dim);
      const AlignedBuffer block = store(*table, layout, token);
      for (int head = 1; head < kHeads; ++head) {
        const uint8_t* const page = block.data() + head * layout.head_bytes;
        for (int d = 0; d < head_dim; ++d) {
          const size_t at = size_t(head * head_dim + d);
          const int64_t key = (int64_t(kIndex / 16) * head_dim + d) * 16 + kIndex % 16;
          REQUIRE(half_at(page, key) == f32_to_f16(token.k[at]));
          const float value = std::fmin(std::fmax(token.v[at], -65504.0f), 65504.0f);
          REQUIRE(half_at(page + layout.v_offset, kIndex * layout.padded_head_dim + d) == f32_to_f16(value));
        }
      }
      REQUIRE(block.data()[0] == 0xA5);  // head 0 was not asked for
      REQUIRE(half_at(block.data() + layout.head_bytes, kIndex % 16 + 1) == 0xA5A5);  // nor another key
    }
  }
}

// x within half a step of q * scale, and the scale that of the largest value.
void check_quantized(const float* x, int n, float scale, const int8_t* q) {
  float largest = 0;
  for (int i = 0; i < n; ++i) largest = std::fmax(largest, std::fabs(x[i]));
  REQUIRE(scale == f16_to_f32(f32_to_f16(largest / 127.0f)));
  for (int i = 0; i < n; ++i) {
    const float exact = std::fmin(std::fmax(x[i] / scale, -127.0f), 127.0f);
    REQUIRE(std::fabs(float(q[i]) - exact) <= 0.5001f);
  }
}

TEST_CASE("a Q8_0 block holds a scale per 32 dimensions, biased keys and values") {
  for (const int head_dim : {16, 72, 128}) {
    const KvLayout layout = make_kv_layout(KvType::kQ8_0, kHeads, head_dim);
    const Token token = make_token(head_dim);
    for (const VectorKernelTable* table : runnable_vector_tables()) {
      INFO(table->isa << " head_dim " << head_dim);
      const AlignedBuffer block = store(*table, layout, token);
      for (int head = 1; head < kHeads; ++head) {
        const uint8_t* const page = block.data() + head * layout.head_bytes;
        for (int b = 0; b < layout.scale_blocks; ++b) {
          const int begin = 32 * b, n = std::min(32, head_dim - begin);
          int8_t key[32], value[32];
          for (int i = 0; i < n; ++i) {
            const int d = begin + i;
            key[i] = int8_t(
                page[(int64_t(kIndex / 16) * head_dim + d / 4 * 4) * 16 + 4 * (kIndex % 16) + d % 4] - 128);
            value[i] = int8_t(page[layout.v_offset + kIndex * layout.padded_head_dim + d]);
          }
          const int64_t key_scale = (kIndex / 16 * layout.scale_blocks + b) * 16 + kIndex % 16;
          check_quantized(token.k.data() + head * head_dim + begin, n,
                          f16_to_f32(half_at(page + layout.k_scales_offset, key_scale)), key);
          check_quantized(token.v.data() + head * head_dim + begin, n,
                          f16_to_f32(half_at(page + layout.v_scales_offset, b * 128 + kIndex)), value);
        }
      }
    }
  }
}

}  // namespace
}  // namespace dunlin::cpu
