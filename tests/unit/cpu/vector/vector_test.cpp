// The element-wise kernels and reductions of every instruction set against double arithmetic, for lengths
// that leave every tail. Attention is tested by the conformance suite.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "tests/unit/cpu/vector/runnable_vector_tables.h"

namespace dunlin::cpu {
namespace {

constexpr int64_t kMaxLength = 70;
constexpr float kGuard = 12345.0f;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> random_values(int64_t n, float magnitude, uint32_t seed) {
  std::mt19937 rng(seed);
  std::uniform_real_distribution<float> value(-magnitude, magnitude);
  std::vector<float> x(static_cast<size_t>(n));
  for (float& v : x) v = value(rng);
  return x;
}

// n results and a guard on either side of them.
class Results {
 public:
  explicit Results(int64_t n) : cells_(size_t(n + 2), kGuard) {}
  float* data() { return cells_.data() + 1; }
  float operator[](int64_t i) const { return cells_[size_t(i + 1)]; }
  bool guards_intact() const { return cells_.front() == kGuard && cells_.back() == kGuard; }

 private:
  std::vector<float> cells_;
};

void check_near(double actual, double expected, double relative) {
  INFO("expected " << expected << " got " << actual);
  REQUIRE(std::abs(actual - expected) <= relative * std::abs(expected) + 1e-37);
}

// A kernel with two inputs, for every length, out of place and onto its first input.
template <class Kernel, class Expected>
void check_pairwise(Kernel kernel, float magnitude, double relative, Expected expected) {
  const std::vector<float> x = random_values(kMaxLength, magnitude, 1);
  const std::vector<float> y = random_values(kMaxLength, magnitude, 2);
  for (int64_t n = 0; n <= kMaxLength; ++n) {
    Results out(n), in_place(n);
    kernel(x.data(), y.data(), out.data(), n);
    std::copy_n(x.data(), n, in_place.data());
    kernel(in_place.data(), y.data(), in_place.data(), n);
    for (int64_t i = 0; i < n; ++i) {
      INFO("n " << n << " element " << i);
      check_near(out[i], expected(double(x[size_t(i)]), double(y[size_t(i)])), relative);
      REQUIRE(in_place[i] == out[i]);
    }
    REQUIRE(out.guards_intact());
    REQUIRE(in_place.guards_intact());
  }
}

TEST_CASE("sums, products and gates of every length") {
  constexpr double kRounding = 6e-8;
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    INFO(table->isa);
    check_pairwise(table->add, 10.0f, kRounding, [](double a, double b) { return double(float(a + b)); });
    const auto scale = [&](const float* x, const float*, float* out, int64_t n) {
      table->scale(x, 0.37f, out, n);
    };
    check_pairwise(scale, 10.0f, kRounding, [](double a, double) { return a * double(0.37f); });
    check_pairwise(table->silu_mul, 20.0f, 1e-6,
                   [](double g, double u) { return g / (1 + std::exp(-g)) * u; });
    check_pairwise(table->gelu_tanh_mul, 4.0f, 1e-5, [](double g, double u) {
      return g / (1 + std::exp(-2 * std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g))) * u;
    });
  }
}

TEST_CASE("exp is within 2 ulp, and right at its ends") {
  std::vector<float> x = random_values(4001, 87.3f, 3);
  for (const float v : {0.0f, -0.0f, 1.0f, 88.7f, -87.3f}) x.push_back(v);
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    INFO(table->isa);
    Results out(int64_t(x.size()));
    table->exp(x.data(), out.data(), int64_t(x.size()));
    for (size_t i = 0; i < x.size(); ++i) {
      const double exact = std::exp(double(x[i]));
      const float ulp = std::nextafter(float(exact), kInfinity) - float(exact);
      INFO("exp(" << x[i] << ")");
      REQUIRE(std::abs(double(out[int64_t(i)]) - exact) <= 2.0 * double(ulp));
    }
    const float ends[] = {-88.0f, -1e30f, -kInfinity, 88.8f, 1e30f, kInfinity, kNan};
    Results at_ends(7);
    table->exp(ends, at_ends.data(), 7);
    for (int i = 0; i < 3; ++i) CHECK(at_ends[i] == 0.0f);
    for (int i = 3; i < 6; ++i) CHECK(at_ends[i] == kInfinity);
    CHECK(std::isnan(at_ends[6]));
  }
}

TEST_CASE("rms norm of strided rows") {
  constexpr int64_t kRows = 3, kStride = kMaxLength + 5;
  constexpr float kEps = 1e-5f;
  const std::vector<float> x = random_values(kRows * kStride, 3.0f, 4);
  const std::vector<float> weight = random_values(kMaxLength, 2.0f, 5);
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    for (int64_t n = 1; n <= kMaxLength; ++n) {
      INFO(table->isa << " n " << n);
      std::vector<float> out(size_t(kRows * kStride), kGuard);
      table->rms_norm(x.data(), kStride, weight.data(), kEps, out.data(), kStride, kRows, n);
      for (int64_t row = 0; row < kRows; ++row) {
        const float* const values = x.data() + row * kStride;
        double squares = 0;
        for (int64_t i = 0; i < n; ++i) squares += double(values[i]) * double(values[i]);
        const double factor = 1 / std::sqrt(squares / double(n) + double(kEps));
        for (int64_t i = 0; i < n; ++i)
          check_near(out[size_t(row * kStride + i)], double(values[i]) * factor * double(weight[size_t(i)]),
                     1e-6);
        for (int64_t i = n; i < kStride; ++i) REQUIRE(out[size_t(row * kStride + i)] == kGuard);
      }
    }
  }
}

TEST_CASE("rope turns the pairs of each head and nothing else") {
  constexpr int64_t kHeads = 2, kStride = 80;
  const std::vector<float> x = random_values(kHeads * kStride, 3.0f, 6);
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    for (int64_t n_rot = 2; n_rot <= 72; n_rot += 2) {
      INFO(table->isa << " n_rot " << n_rot);
      const int64_t half = n_rot / 2;
      std::vector<float> cos, sin;
      for (int64_t i = 0; i < half; ++i) {
        cos.push_back(float(std::cos(0.3 * double(i + 1))));
        sin.push_back(float(std::sin(0.3 * double(i + 1))));
      }
      std::vector<float> out = x;
      table->rope(out.data(), kStride, kHeads, n_rot, cos.data(), sin.data());
      for (int64_t head = 0; head < kHeads; ++head) {
        const float* const before = x.data() + head * kStride;
        const float* const after = out.data() + head * kStride;
        for (int64_t i = 0; i < half; ++i) {
          const double a = before[i], b = before[half + i], c = cos[size_t(i)], s = sin[size_t(i)];
          REQUIRE(after[i] == Approx(a * c - b * s).margin(1e-6));
          REQUIRE(after[half + i] == Approx(a * s + b * c).margin(1e-6));
        }
        for (int64_t i = n_rot; i < kStride; ++i) REQUIRE(after[i] == before[i]);
      }
    }
  }
}

TEST_CASE("argmax takes the first of the largest and never a NaN") {
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    CHECK(table->argmax(nullptr, 0) == 0);
    for (int64_t n = 1; n <= kMaxLength; ++n) {
      std::vector<float> x = random_values(n, 5.0f, uint32_t(n));
      const int64_t at = n * 2 / 3;
      INFO(table->isa << " n " << n);
      x[size_t(at)] = 6.0f;
      x.back() = 6.0f;
      REQUIRE(table->argmax(x.data(), n) == at);
      x[0] = at == 0 ? 6.0f : kNan;
      REQUIRE(table->argmax(x.data(), n) == at);
      std::fill(x.begin(), x.end(), kNan);
      REQUIRE(table->argmax(x.data(), n) == 0);
      std::fill(x.begin(), x.end(), -kInfinity);
      REQUIRE(table->argmax(x.data(), n) == 0);
    }
  }
}

TEST_CASE("softmax statistics of short and long rows") {
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    CHECK(table->softmax_stats(nullptr, 0).max == -kInfinity);
    for (const int64_t n : {int64_t(1), int64_t(5), int64_t(37), int64_t(1024), int64_t(3001)}) {
      INFO(table->isa << " n " << n);
      const std::vector<float> x = random_values(n, 12.0f, uint32_t(n));
      const float max = *std::max_element(x.begin(), x.end());
      double sum = 0;
      for (const float v : x) sum += std::exp(double(v) - double(max));
      const SoftmaxStats stats = table->softmax_stats(x.data(), n);
      REQUIRE(stats.max == max);
      check_near(stats.sum, sum, 1e-6);
    }
  }
}

}  // namespace
}  // namespace dunlin::cpu
