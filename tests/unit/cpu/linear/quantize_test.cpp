#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>

#include "backends/cpu/activation.h"
#include "core/base/aligned_buffer.h"
#include "tests/unit/cpu/linear/oracle.h"
#include "tests/unit/cpu/linear/random_rows.h"
#include "tests/unit/cpu/linear/runnable_tables.h"

namespace dunlin::cpu {
namespace {

AlignedBuffer run_quantize(const LinearTable& table, ActivationLayout layout, const std::vector<float>& x,
                           int64_t m, int64_t k) {
  AlignedBuffer out(size_t(activation_bytes(layout, m, k)));
  quantize(table, layout, {x.data(), k, k, out.data(), 0, m});
  return out;
}

// What A256Block::centers promises of 16 q.
int32_t expected_center(const int8_t* q, bool halves) {
  int32_t sums[2] = {0, 0};
  for (int i = 0; i < 16; ++i) sums[i % 4 / 2] += q[i];
  if (!halves) return -32 * (sums[0] + sums[1]);
  return int32_t(uint32_t(-32 * sums[1]) << 16 | (uint32_t(-32 * sums[0]) & 0xFFFF));
}

void check_a256(const A256Block& block, const OracleToken& token, int64_t b, bool halves) {
  REQUIRE(block.d == token.d[size_t(b)]);
  for (int j = 0; j < 16; ++j) {
    int sum = 0;
    for (int i = 16 * j; i < 16 * j + 16; ++i) {
      REQUIRE(int(block.q[i]) == token.q[size_t(256 * b + i)]);
      sum += block.q[i];
    }
    REQUIRE(block.sum16[j] == sum);
    REQUIRE(block.centers[j] == expected_center(block.q + 16 * j, halves));
  }
  for (int j = 0; j < 8; ++j) REQUIRE(block.sum32[j] == block.sum16[2 * j] + block.sum16[2 * j + 1]);
}

void check_a32(const A32Block& block, const OracleToken& token, int64_t b) {
  REQUIRE(block.d == token.d[size_t(b)]);
  int sum = 0;
  for (int i = 0; i < 32; ++i) {
    REQUIRE(int(block.q[i]) == token.q[size_t(32 * b + i)]);
    sum += block.q[i];
  }
  REQUIRE(block.minus8_sum == -8 * sum);
  REQUIRE(block.minus16_sum == -16 * sum);
  REQUIRE(block.minus128_sum == -128 * sum);
}

// Ordinary rows, and rows that are zero, tiny, huge, ties, or constant.
std::vector<float> special_rows(int64_t k) {
  std::vector<float> x = make_activations(7, k, 5);
  const auto row = [&](int64_t t) { return x.data() + t * k; };
  std::fill_n(row(1), k, 0.0f);
  std::fill_n(row(2), k, -3.5f);
  for (int64_t i = 0; i < k; ++i) row(3)[i] *= 1e-36f;
  for (int64_t i = 0; i < k; ++i) row(4)[i] *= 1e36f;
  for (int64_t i = 0; i < k; ++i)
    row(5)[i] = float(i % 255 - 127) / 2.0f;  // half of them ties at the scale 2
  row(5)[0] = 63.5f;
  for (int64_t i = 0; i < k; ++i) row(6)[i] = i % 256 == 77 ? -1.0f : 0.0f;
  return x;
}

TEST_CASE("activations quantize by the rule, on every instruction set") {
  const int64_t k = 512;
  const std::vector<float> x = special_rows(k);
  const int64_t m = int64_t(x.size()) / k;
  for (const LinearTable* table : runnable_tables()) {
    INFO(table->isa);
    const bool halves = std::string_view(table->isa) == "avx2";
    const AlignedBuffer a256 = run_quantize(*table, ActivationLayout::kA256, x, m, k);
    const AlignedBuffer a32 = run_quantize(*table, ActivationLayout::kA32, x, m, k);
    for (int64_t t = 0; t < m; ++t) {
      const OracleToken t256 = quantize_token(ActivationLayout::kA256, x.data() + t * k, k);
      const OracleToken t32 = quantize_token(ActivationLayout::kA32, x.data() + t * k, k);
      for (int64_t b = 0; b < k / 256; ++b)
        check_a256(a256.as<A256Block>()[t * k / 256 + b], t256, b, halves);
      for (int64_t b = 0; b < k / 32; ++b) check_a32(a32.as<A32Block>()[t * k / 32 + b], t32, b);
    }
  }
}

TEST_CASE("quantize reads strided rows and writes its token range only") {
  const int64_t k = 256, stride = 300, m = 4;
  const std::vector<float> x = make_activations(m, stride, 6);
  for (const LinearTable* table : runnable_tables()) {
    for (const ActivationLayout layout :
         {ActivationLayout::kA256, ActivationLayout::kA32, ActivationLayout::kF32}) {
      const int64_t row = activation_row_bytes(layout, k);
      AlignedBuffer out(size_t(m * row));
      std::memset(out.data(), 0x5A, out.size());
      quantize(*table, layout, {x.data(), stride, k, out.data(), 1, 3});
      AlignedBuffer alone{size_t(row)};
      for (int64_t t = 1; t < 3; ++t) {
        quantize(*table, layout, {x.data() + t * stride, stride, k, alone.data(), 0, 1});
        REQUIRE(std::memcmp(alone.data(), out.data() + t * row, size_t(row)) == 0);
      }
      for (const int64_t t : {int64_t(0), int64_t(3)})
        for (int64_t i = 0; i < row; ++i) REQUIRE(out.data()[t * row + i] == 0x5A);
    }
  }
}

TEST_CASE("a NaN or an infinity in a block makes its scale one") {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> x = make_activations(1, 256, 7);
    x[40] = bad;
    for (const LinearTable* table : runnable_tables()) {
      const AlignedBuffer a256 = run_quantize(*table, ActivationLayout::kA256, x, 1, 256);
      const AlignedBuffer a32 = run_quantize(*table, ActivationLayout::kA32, x, 1, 256);
      CHECK_FALSE(std::isfinite(a256.as<A256Block>()->d));
      CHECK(std::isfinite(a32.as<A32Block>()[0].d));
      CHECK_FALSE(std::isfinite(a32.as<A32Block>()[1].d));
    }
  }
}

}  // namespace
}  // namespace dunlin::cpu
