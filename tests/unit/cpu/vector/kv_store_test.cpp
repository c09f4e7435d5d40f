// kv_store writes exactly the bytes that the layout's drawing says, and no other.
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/unit/cpu/vector/guarded_array.h"
#include "tests/unit/cpu/vector/kv_oracle.h"
#include "tests/unit/cpu/vector/random_values.h"
#include "tests/unit/cpu/vector/runnable_vector_tables.h"

namespace dunlin::cpu {
namespace {

constexpr int kHeadDims[] = {16, 24, 32, 40, 64, 72, 80, 96, 120, 128, 256};
constexpr int kIndices[] = {0, 1, 15, 16, 17, 63, 100, 127};
constexpr KvType kTypes[] = {KvType::kF16, KvType::kQ8_0, KvType::kFp8};

using Block = GuardedArray<uint8_t>;

struct Token {
  GuardedArray<float> key, value;
  Token(const KvLayout& layout, uint32_t seed, float deviation)
      : key(random_values(layout.n_kv_heads * layout.head_dim, seed, deviation)),
        value(random_values(layout.n_kv_heads * layout.head_dim, seed + 1, deviation)) {}
};

void oracle_store_heads(const KvLayout& layout, Block& block, int index, int head_begin, int head_end,
                        const Token& token) {
  for (int head = head_begin; head < head_end; ++head)
    oracle_store(layout, block.data(), index, head, token.key.data() + head * layout.head_dim,
                 token.value.data() + head * layout.head_dim);
}

TEST_CASE("kv_store writes the layout's bytes and no other", "[cpu][vector]") {
  for (const KvType type : kTypes) {
    for (const int head_dim : kHeadDims) {
      const KvLayout layout = make_kv_layout(type, 3, head_dim);
      for (const VectorKernelTable* table : runnable_vector_tables()) {
        Block got(size_t(layout.block_bytes)), expected(size_t(layout.block_bytes));
        for (const int index : kIndices) {
          INFO(table->isa << " " << kv_type_name(type) << " head_dim " << head_dim << " index " << index);
          const Token token(layout, uint32_t(index), 2.0f);
          table->kv_store(&layout, got.data(), index, 0, 3, token.key.data(), token.value.data());
          oracle_store_heads(layout, expected, index, 0, 3, token);
          REQUIRE(got.same_bits(expected));
          REQUIRE(got.front_intact());
        }
      }
    }
  }
}

TEST_CASE("kv_store leaves the heads outside its range alone", "[cpu][vector]") {
  for (const KvType type : kTypes) {
    const KvLayout layout = make_kv_layout(type, 4, 64);
    for (const VectorKernelTable* table : runnable_vector_tables()) {
      INFO(table->isa << " " << kv_type_name(type));
      Block got(size_t(layout.block_bytes)), expected(size_t(layout.block_bytes));
      const Token token(layout, 7, 1.0f);
      table->kv_store(&layout, got.data(), 5, 1, 3, token.key.data(), token.value.data());
      table->kv_store(&layout, got.data(), 5, 2, 2, token.key.data(), token.value.data());
      oracle_store_heads(layout, expected, 5, 1, 3, token);
      REQUIRE(got.same_bits(expected));
    }
  }
}

TEST_CASE("kv_store keeps zeros, tiny and huge values finite", "[cpu][vector]") {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const KvType type : kTypes) {
    const KvLayout layout = make_kv_layout(type, 1, 64);
    for (const VectorKernelTable* table : runnable_vector_tables()) {
      for (const float scale : {0.0f, 1e-30f, 1e-7f, 1e5f, 1e30f, infinity}) {
        INFO(table->isa << " " << kv_type_name(type) << " values of " << scale);
        Token token(layout, 9, 0.0f);
        for (size_t d = 0; d < 64; ++d) token.key[d] = token.value[d] = d % 2 == 0 ? scale : -scale;
        Block got(size_t(layout.block_bytes)), expected(size_t(layout.block_bytes));
        table->kv_store(&layout, got.data(), 3, 0, 1, token.key.data(), token.value.data());
        oracle_store_heads(layout, expected, 3, 0, 1, token);
        REQUIRE(got.same_bits(expected));
        for (int d = 0; d < 64; ++d) REQUIRE(std::isfinite(oracle_value(layout, got.data(), 3, 0, d)));
        if (type == KvType::kF16 && scale > 70000.0f) {
          CHECK(oracle_key(layout, got.data(), 3, 0, 0) == 65504.0);
          CHECK(oracle_key(layout, got.data(), 3, 0, 1) == -65504.0);
        }
        if (type == KvType::kFp8 && scale > 60000.0f) {
          CHECK(oracle_key(layout, got.data(), 3, 0, 0) == 57344.0);
          CHECK(oracle_key(layout, got.data(), 3, 0, 1) == -57344.0);
        }
      }
    }
  }
}

TEST_CASE("a stored Q8_0 value is within half a step", "[cpu][vector]") {
  const KvLayout layout = make_kv_layout(KvType::kQ8_0, 1, 128);
  const Token token(layout, 11, 1.0f);
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    INFO(table->isa);
    Block block(size_t(layout.block_bytes));
    table->kv_store(&layout, block.data(), 99, 0, 1, token.key.data(), token.value.data());
    for (int begin = 0; begin < 128; begin += 32) {
      float largest_key = 0.0f, largest_value = 0.0f;
      for (int d = begin; d < begin + 32; ++d) {
        largest_key = std::max(largest_key, std::abs(token.key[size_t(d)]));
        largest_value = std::max(largest_value, std::abs(token.value[size_t(d)]));
      }
      // Half a step, and what f16 takes from the scale, which the largest value sees 127 times.
      const double steps = 0.5 / 127.0 + 1.0 / 2048.0;
      for (int d = begin; d < begin + 32; ++d) {
        CHECK(std::abs(oracle_key(layout, block.data(), 99, 0, d) - token.key[size_t(d)]) <=
              steps * largest_key);
        CHECK(std::abs(oracle_value(layout, block.data(), 99, 0, d) - token.value[size_t(d)]) <=
              steps * largest_value);
      }
    }
  }
}

// Values over the whole range of codes: the scale is 1, and bits count up from those of 2^-11.
TEST_CASE("kv_store rounds every e4m3 to nearest even", "[cpu][vector]") {
  const KvLayout layout = make_kv_layout(KvType::kFp8, 1, 128);
  Token token(layout, 13, 0.0f);
  token.key[0] = token.value[0] = 448.0f;
  constexpr uint32_t kFirst = 0x3A000000u, kEnd = 0x43E00000u, kStep = 0x8000u;  // 2^-11 .. 448
  for (uint32_t bits = kFirst; bits < kEnd;) {
    // Three on each side of every tie between codes, and others.
    for (size_t d = 1; d < 127; d += 6, bits += kStep) {
      const auto near = std::bit_cast<float>(bits);
      for (size_t i = 0; i < 6; ++i) {
        const float beside = i % 3 == 0   ? near
                             : i % 3 == 1 ? std::nextafter(near, 0.0f)
                                          : std::nextafter(near, 1e9f);
        token.key[d + i] = token.value[d + i] = std::min(i < 3 ? beside : -beside, 448.0f);
      }
    }
    for (const VectorKernelTable* table : runnable_vector_tables()) {
      INFO(table->isa << " around " << token.key[1]);
      Block got(size_t(layout.block_bytes)), expected(size_t(layout.block_bytes));
      table->kv_store(&layout, got.data(), 77, 0, 1, token.key.data(), token.value.data());
      oracle_store_heads(layout, expected, 77, 0, 1, token);
      REQUIRE(got.same_bits(expected));
    }
  }
}

TEST_CASE("no FP8 cache holds a NaN", "[cpu][vector]") {
  const KvLayout layout = make_kv_layout(KvType::kFp8, 1, 16);
  Token token(layout, 15, 1.0f);
  token.key[3] = token.value[7] = std::numeric_limits<float>::quiet_NaN();
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    INFO(table->isa);
    Block got(size_t(layout.block_bytes)), expected(size_t(layout.block_bytes));
    table->kv_store(&layout, got.data(), 8, 0, 1, token.key.data(), token.value.data());
    oracle_store_heads(layout, expected, 8, 0, 1, token);
    REQUIRE(got.same_bits(expected));
    CHECK(std::isfinite(oracle_key(layout, got.data(), 8, 0, 3)));
  }
}

TEST_CASE("head dimensions that the layout takes", "[cpu][vector]") {
  for (const int head_dim : kHeadDims) CHECK(supports_kv_head_dim(head_dim));
  for (const int head_dim : {0, 8, 15, 17, 20, 257, 264, 512}) CHECK_FALSE(supports_kv_head_dim(head_dim));
}

}  // namespace
}  // namespace dunlin::cpu
