// add, scale, silu_mul, gelu_tanh_mul and exp against double precision. The tolerances are those of
// docs/numerics.md, "Kernels".
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/unit/cpu/vector/guarded_array.h"
#include "tests/unit/cpu/vector/random_values.h"
#include "tests/unit/cpu/vector/runnable_vector_tables.h"

namespace dunlin::cpu {
namespace {

constexpr int64_t kSizes[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 65, 127, 1000};
constexpr double kGatedTolerance = 1e-6;  // relative
constexpr double kTinyGated = 1e-8;       // of |up|
constexpr float kInfinity = std::numeric_limits<float>::infinity();

using Floats = GuardedArray<float>;
using Binary = void (*)(const float*, const float*, float*, int64_t);

// Runs a binary kernel into fresh memory, over its first input and over its second: all the same bits.
void run_binary(Binary kernel, const Floats& x, const Floats& y, Floats& out) {
  const int64_t n = int64_t(x.size());
  kernel(x.data(), y.data(), out.data(), n);
  REQUIRE(out.front_intact());
  Floats over_x(std::span(x.data(), x.size())), over_y(std::span(y.data(), y.size()));
  kernel(over_x.data(), y.data(), over_x.data(), n);
  kernel(x.data(), over_y.data(), over_y.data(), n);
  REQUIRE(over_x.same_bits(out));
  REQUIRE(over_y.same_bits(out));
}

double silu(double g) {
  return g / (1.0 + std::exp(-g));
}

double gelu_tanh(double g) {
  return 0.5 * g * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (g + 0.044715 * g * g * g)));
}

// Where the gate is far below zero the activation is tiny, and what is left of it is rounded to nothing.
void check_gated(double got, double activated, double up) {
  const double expected = activated * up;
  INFO("expected " << expected << " got " << got);
  REQUIRE(std::abs(got - expected) <= kGatedTolerance * std::abs(expected) + kTinyGated * std::abs(up));
}

TEST_CASE("add and scale are exact for every size, in place too", "[cpu][vector]") {
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    for (const int64_t n : kSizes) {
      INFO(table->isa << " n " << n);
      const Floats x(random_values(n, 1)), y(random_values(n, 2));
      Floats sum(x.size()), scaled(x.size());
      run_binary(table->add, x, y, sum);
      table->scale(x.data(), 0.3f, scaled.data(), n);
      REQUIRE(scaled.front_intact());
      for (size_t i = 0; i < x.size(); ++i) {
        REQUIRE(sum[i] == x[i] + y[i]);
        REQUIRE(scaled[i] == x[i] * 0.3f);
      }
      Floats over(std::span(x.data(), x.size()));
      table->scale(over.data(), 0.3f, over.data(), n);
      REQUIRE(over.same_bits(scaled));
    }
  }
}

TEST_CASE("gated activations agree with double precision", "[cpu][vector]") {
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    for (const int64_t n : kSizes) {
      INFO(table->isa << " n " << n);
      const Floats gate(random_values(n, 3, 4.0f)), up(random_values(n, 4));
      Floats silu_out(gate.size()), gelu_out(gate.size());
      run_binary(table->silu_mul, gate, up, silu_out);
      run_binary(table->gelu_tanh_mul, gate, up, gelu_out);
      for (size_t i = 0; i < gate.size(); ++i) {
        INFO("gate " << gate[i] << " up " << up[i]);
        check_gated(silu_out[i], silu(gate[i]), up[i]);
        check_gated(gelu_out[i], gelu_tanh(gate[i]), up[i]);
      }
    }
  }
}

TEST_CASE("gated activations of the largest gates are the gate or nothing", "[cpu][vector]") {
  const Floats gate(std::vector<float>{1e6f, -1e6f, 200.0f, -200.0f, 0.0f});
  const Floats up(std::vector<float>(5, 2.0f));
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    for (const Binary kernel : {table->silu_mul, table->gelu_tanh_mul}) {
      INFO(table->isa);
      Floats out(gate.size());
      kernel(gate.data(), up.data(), out.data(), 5);
      CHECK(out[0] == 2e6f);
      CHECK(out[1] == 0.0f);
      CHECK(out[2] == 400.0f);
      CHECK(out[3] == 0.0f);
      CHECK(out[4] == 0.0f);
    }
  }
}

TEST_CASE("an element's result does not depend on its place", "[cpu][vector]") {
  const std::vector<float> values = random_values(64, 5, 4.0f);
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    std::vector<float> whole(values.size());
    table->silu_mul(values.data(), values.data(), whole.data(), 64);
    for (size_t begin = 1; begin < 40; ++begin) {
      INFO(table->isa << " from " << begin);
      std::vector<float> part(values.size() - begin);
      table->silu_mul(values.data() + begin, values.data() + begin, part.data(), int64_t(part.size()));
      REQUIRE(std::memcmp(part.data(), whole.data() + begin, part.size() * sizeof(float)) == 0);
    }
  }
}

double ulps(float got, double expected) {
  const float rounded = float(expected);
  return std::abs(double(got) - expected) / (double(std::nextafter(rounded, kInfinity)) - double(rounded));
}

TEST_CASE("exp is within 2 ulp over the whole range", "[cpu][vector]") {
  constexpr int64_t kPoints = 200'003;
  std::vector<float> x(kPoints);
  for (int64_t i = 0; i < kPoints; ++i)
    x[size_t(i)] = float(-87.33 + double(i) / (kPoints - 1) * (88.72 + 87.33));
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    std::vector<float> out(x.size());
    table->exp(x.data(), out.data(), kPoints);
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) worst = std::max(worst, ulps(out[i], std::exp(double(x[i]))));
    INFO(table->isa);
    CHECK(worst <= 2.0);
  }
}

TEST_CASE("exp beyond its range is 0, infinity or NaN", "[cpu][vector]") {
  const std::vector<float> x = {0.0f,   -0.0f,   -87.34f,   -1000.0f,     -kInfinity,
                                88.73f, 1000.0f, kInfinity, std::nanf("")};
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    INFO(table->isa);
    std::vector<float> out(x.size());
    table->exp(x.data(), out.data(), int64_t(x.size()));
    CHECK(out[0] == 1.0f);
    CHECK(out[1] == 1.0f);
    for (size_t i = 2; i < 5; ++i) CHECK(out[i] == 0.0f);
    for (size_t i = 5; i < 8; ++i) CHECK(out[i] == kInfinity);
    CHECK(std::isnan(out[8]));
  }
}

TEST_CASE("every table has a name to find it by", "[cpu][vector]") {
  for (const VectorKernelTable* const* table = vector_tables(); *table != nullptr; ++table)
    CHECK(find_vector_table((*table)->isa) == *table);
  CHECK(find_vector_table("generic") == &kVectorKernelsGeneric);
  CHECK(find_vector_table("none") == nullptr);
}

}  // namespace
}  // namespace dunlin::cpu
