// argmax and softmax_stats against plain loops in double. The tolerance is that of docs/numerics.md,
// "Kernels".
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/unit/cpu/vector/guarded_array.h"
#include "tests/unit/cpu/vector/random_values.h"
#include "tests/unit/cpu/vector/runnable_vector_tables.h"

namespace dunlin::cpu {
namespace {

using Floats = GuardedArray<float>;

constexpr int64_t kSizes[] = {1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 33, 1023, 1024, 1025, 2048, 5000, 151'936};
constexpr double kLogSumTolerance = 1e-6;  // relative, of the sum
constexpr float kInfinity = std::numeric_limits<float>::infinity();

int64_t argmax(const VectorKernelTable& table, const std::vector<float>& values) {
  const Floats x(values);
  return table.argmax(x.data(), int64_t(x.size()));
}

TEST_CASE("argmax finds the largest value wherever it is", "[cpu][vector]") {
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    for (const int64_t n : kSizes) {
      std::vector<float> x = random_values(n, uint32_t(n));
      for (const int64_t at : {int64_t(0), n / 3, n / 2, n - 1}) {
        const float before = std::exchange(x[size_t(at)], 100.0f);
        INFO(table->isa << " n " << n);
        REQUIRE(argmax(*table, x) == at);
        x[size_t(at)] = before;
      }
    }
  }
}

TEST_CASE("argmax takes the first of equals and never a NaN", "[cpu][vector]") {
  const float nan = std::nanf("");
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    INFO(table->isa);
    std::vector<float> x(100, -1.0f);
    CHECK(argmax(*table, x) == 0);
    x[37] = x[38] = x[99] = 5.0f;
    CHECK(argmax(*table, x) == 37);
    x[3] = x[36] = x[37] = x[40] = nan;
    CHECK(argmax(*table, x) == 38);
    CHECK(argmax(*table, {-0.0f, 0.0f}) == 0);
    CHECK(argmax(*table, {nan, -kInfinity, -kInfinity}) == 1);
    CHECK(argmax(*table, {nan, -1.0f, nan, nan, nan}) == 1);
    CHECK(argmax(*table, {-2.0f, -1.0f, -3.0f}) == 1);  // all below the zeros that fill a vector's tail
    CHECK(argmax(*table, std::vector<float>(21, nan)) == 0);
    CHECK(argmax(*table, {}) == 0);
  }
}

TEST_CASE("softmax_stats agrees with double precision", "[cpu][vector]") {
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    for (const int64_t n : kSizes) {
      const Floats x(random_values(n, uint32_t(n) + 1, 5.0f));
      float max = -kInfinity;
      for (size_t i = 0; i < x.size(); ++i) max = std::max(max, x[i]);
      double sum = 0;
      for (size_t i = 0; i < x.size(); ++i) sum += std::exp(double(x[i]) - max);
      const SoftmaxStats stats = table->softmax_stats(x.data(), n);
      INFO(table->isa << " n " << n << " expected " << sum << " got " << stats.sum);
      REQUIRE(stats.max == max);
      REQUIRE(std::abs(stats.sum - sum) <= kLogSumTolerance * sum);
    }
  }
}

TEST_CASE("softmax_stats of excluded and of no logits", "[cpu][vector]") {
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    INFO(table->isa);
    std::vector<float> x(40, -kInfinity);
    x[7] = x[39] = -3.0f;
    const SoftmaxStats two = table->softmax_stats(x.data(), 40);
    CHECK(two.max == -3.0f);
    CHECK(two.sum == 2.0);
    const SoftmaxStats none = table->softmax_stats(x.data(), 0);
    CHECK(none.max == -kInfinity);
    CHECK(none.sum == 0.0);
  }
}

}  // namespace
}  // namespace dunlin::cpu
