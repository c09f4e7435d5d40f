// rms_norm and rope against double precision, row by row. The tolerances are those of docs/numerics.md,
// "Kernels".
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "tests/unit/cpu/vector/guarded_array.h"
#include "tests/unit/cpu/vector/random_values.h"
#include "tests/unit/cpu/vector/runnable_vector_tables.h"

namespace dunlin::cpu {
namespace {

using Floats = GuardedArray<float>;

constexpr double kNormTolerance = 2e-6;  // relative
constexpr double kRopeTolerance = 2e-7;  // of |a| + |b|
constexpr float kEps = 1e-5f;

// n_rows of n, stride apart; nothing behind the last row.
struct Rows {
  int64_t n_rows, n, stride;
  size_t floats() const { return n_rows == 0 ? 0 : size_t((n_rows - 1) * stride + n); }
};

std::vector<double> norm_of(const float* x, const float* weight, int64_t n) {
  double squares = 0;
  for (int64_t i = 0; i < n; ++i) squares += double(x[i]) * x[i];
  const double factor = 1.0 / std::sqrt(squares / double(n) + kEps);
  std::vector<double> out;
  for (int64_t i = 0; i < n; ++i) out.push_back(x[i] * factor * weight[i]);
  return out;
}

void check_norm(const VectorKernelTable& table, const Rows& shape, float deviation) {
  INFO(table.isa << " rows " << shape.n_rows << " n " << shape.n << " deviation " << deviation);
  const Floats x(random_values(int64_t(shape.floats()), 1, deviation)), weight(random_values(shape.n, 2));
  const Rows out_shape{shape.n_rows, shape.n, shape.n + 3};
  Floats out(out_shape.floats());
  table.rms_norm(x.data(), shape.stride, weight.data(), kEps, out.data(), out_shape.stride, shape.n_rows,
                 shape.n);
  REQUIRE(out.front_intact());
  for (int64_t row = 0; row < shape.n_rows; ++row) {
    const float* const got = out.data() + row * out_shape.stride;
    const std::vector<double> expected = norm_of(x.data() + row * shape.stride, weight.data(), shape.n);
    for (int64_t i = 0; i < shape.n; ++i) {
      INFO("row " << row << " element " << i << " expected " << expected[size_t(i)] << " got " << got[i]);
      REQUIRE(std::abs(got[i] - expected[size_t(i)]) <=
              kNormTolerance * std::abs(expected[size_t(i)]) + 1e-30);
    }
    if (row + 1 == shape.n_rows) continue;
    for (int64_t i = shape.n; i < out_shape.stride; ++i)
      REQUIRE(out.is_poison(size_t(row * out_shape.stride + i)));
  }
  Floats over(std::span(x.data(), x.size()));
  table.rms_norm(over.data(), shape.stride, weight.data(), kEps, over.data(), shape.stride, shape.n_rows,
                 shape.n);
  for (int64_t row = 0; row < shape.n_rows; ++row)
    for (int64_t i = 0; i < shape.n; ++i)
      REQUIRE(over[size_t(row * shape.stride + i)] == out[size_t(row * out_shape.stride + i)]);
}

TEST_CASE("rms_norm agrees with double precision, in place too", "[cpu][vector]") {
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    for (const int64_t n :
         {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 80, 127, 128, 129, 896, 4097, 8192})
      check_norm(*table, {3, n, n + 5}, 1.0f);
    check_norm(*table, {0, 64, 64}, 1.0f);
    check_norm(*table, {1, 1536, 1536}, 1.0f);
    check_norm(*table, {14, 64, 64}, 1.0f);
    check_norm(*table, {2, 896, 900}, 1000.0f);
    check_norm(*table, {2, 896, 900}, 1e-4f);
  }
}

TEST_CASE("rms_norm of zeros is zero, and a NaN stays in its row", "[cpu][vector]") {
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    INFO(table->isa);
    std::vector<float> x(3 * 37, 0.0f);
    const std::vector<float> weight(37, 2.0f);
    x[37 + 35] = std::nanf("");
    table->rms_norm(x.data(), 37, weight.data(), kEps, x.data(), 37, 3, 37);
    for (size_t i = 0; i < 37; ++i) {
      REQUIRE(x[i] == 0.0f);
      REQUIRE(std::isnan(x[37 + i]));
      REQUIRE(x[74 + i] == 0.0f);
    }
  }
}

struct Rotation {
  std::vector<float> cos, sin;
};

Rotation rotation_at(int64_t position, int64_t n_rot) {
  Rotation rotation;
  for (int64_t i = 0; i < n_rot / 2; ++i) {
    const double angle = double(position) * std::pow(10000.0, -2.0 * double(i) / double(n_rot));
    rotation.cos.push_back(float(std::cos(angle)));
    rotation.sin.push_back(float(std::sin(angle)));
  }
  return rotation;
}

void check_rope(const VectorKernelTable& table, const Rows& heads, int64_t n_rot) {
  INFO(table.isa << " heads " << heads.n_rows << " head_dim " << heads.n << " n_rot " << n_rot);
  const Rotation rotation = rotation_at(1234, n_rot);
  const Floats cos(rotation.cos), sin(rotation.sin);
  const Floats before(random_values(int64_t(heads.floats()), 3));
  Floats x(std::span(before.data(), before.size()));
  table.rope(x.data(), heads.stride, heads.n_rows, n_rot, cos.data(), sin.data());
  REQUIRE(x.front_intact());
  const int64_t half = n_rot / 2;
  for (size_t at = 0; at < x.size(); ++at) {
    const int64_t d = int64_t(at) % heads.stride;
    if (d >= n_rot) {
      REQUIRE(x[at] == before[at]);  // the rest of the head, and what lies between heads
      continue;
    }
    const size_t pair = size_t(d % half);
    const double a = before[at - size_t(d) + pair], b = before[at - size_t(d) + pair + size_t(half)];
    const double expected = d < half ? a * cos[pair] - b * sin[pair] : a * sin[pair] + b * cos[pair];
    INFO("element " << at << " expected " << expected << " got " << x[at]);
    REQUIRE(std::abs(x[at] - expected) <= kRopeTolerance * (std::abs(a) + std::abs(b)));
  }
}

TEST_CASE("rope rotates the pairs and leaves the rest", "[cpu][vector]") {
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    for (const int64_t n_rot : {0, 2, 6, 8, 16, 24, 30, 32, 40, 64, 72, 80, 96, 128, 256}) {
      check_rope(*table, {3, n_rot + 8, n_rot + 8}, n_rot);
      check_rope(*table, {7, n_rot + 1, n_rot + 6}, n_rot);
      if (n_rot > 0) check_rope(*table, {2, n_rot, n_rot}, n_rot);
    }
    check_rope(*table, {0, 64, 64}, 64);
  }
}

TEST_CASE("rope at position 0 changes nothing", "[cpu][vector]") {
  const Rotation rotation = rotation_at(0, 64);
  const std::vector<float> before = random_values(2 * 64, 4);
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    std::vector<float> x = before;
    table->rope(x.data(), 64, 2, 64, rotation.cos.data(), rotation.sin.data());
    INFO(table->isa);
    CHECK(x == before);
  }
}

}  // namespace
}  // namespace dunlin::cpu
