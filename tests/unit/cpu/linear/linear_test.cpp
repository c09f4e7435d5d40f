#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <string>

#include "core/base/aligned_buffer.h"
#include "tests/unit/cpu/linear/oracle.h"
#include "tests/unit/cpu/linear/packed_weight.h"
#include "tests/unit/cpu/linear/random_rows.h"
#include "tests/unit/cpu/linear/runnable_tables.h"

namespace dunlin::cpu {
namespace {

constexpr int64_t kMaxTokens = 67;  // more than the widest tile
constexpr int64_t kTokenCounts[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                    11, 12, 13, 14, 15, 16, 17, 33, 64, kMaxTokens};
constexpr uint32_t kPoison = 0x7FC0DEADu;  // a NaN that no kernel computes

int64_t test_k(DType type) {
  const uint32_t block = dtype_info(type).block_elements;
  return block == 256 ? 3 * 256 : block == 32 ? 7 * 32 : 75;
}

// y of [m, n] inside a poisoned frame, to see every store that strays.
class Output {
 public:
  Output(int64_t m, int64_t n) : m_(m), n_(n), cells_(size_t((m + 2) * stride())) {
    for (float& cell : cells_) std::memcpy(&cell, &kPoison, sizeof cell);
  }
  int64_t stride() const { return n_ + 24; }
  float* data() { return cells_.data() + stride() + 8; }
  float at(int64_t t, int64_t r) const { return cells_[size_t((t + 1) * stride() + 8 + r)]; }
  void fill(float value) {
    for (int64_t t = 0; t < m_; ++t) std::fill_n(data() + t * stride(), n_, value);
  }
  bool frame_intact() const {
    for (int64_t t = -1; t <= m_; ++t)
      for (int64_t r = -8; r < stride() - 8; ++r)
        if ((t < 0 || t >= m_ || r < 0 || r >= n_) && !poisoned(t, r)) return false;
    return true;
  }
  bool same_bits(const Output& other, int64_t m) const {
    for (int64_t t = 0; t < m; ++t)
      for (int64_t r = 0; r < n_; ++r) {
        const float a = at(t, r), b = other.at(t, r);
        if (std::memcmp(&a, &b, sizeof a) != 0) return false;
      }
    return true;
  }

 private:
  bool poisoned(int64_t t, int64_t r) const {
    const float cell = at(t, r);
    return std::memcmp(&cell, &kPoison, sizeof cell) == 0;
  }
  int64_t m_, n_;
  std::vector<float> cells_;
};

// A weight, a second one for gated products, and activations, of one shape.
struct Problem {
  DType type;
  int64_t n, k;
  std::vector<uint8_t> rows, up_rows;
  PackedWeight weight, up;
  std::vector<float> x;

  Problem(DType type_of, int64_t n_rows, RowFill fill = RowFill::kRandom)
      : type(type_of), n(n_rows), k(test_k(type_of)) {
    rows = make_rows(type, n, k, 11, fill);
    up_rows = make_rows(type, n, k, 12, fill);
    weight = pack_rows(type, n, k, rows);
    up = pack_rows(type, n, k, up_rows);
    x = make_activations(kMaxTokens, k, 13);
    std::fill_n(x.data() + 2 * k, k, 0.0f);  // one token of zeros
  }
  AlignedBuffer activations(const LinearTable& table) const {
    const ActivationLayout layout = activation_layout(type);
    AlignedBuffer out(size_t(activation_bytes(layout, kMaxTokens, k)));
    quantize(table, layout, {x.data(), k, k, out.data(), 0, kMaxTokens});
    return out;
  }
  LinearArgs args(const AlignedBuffer& activations, int64_t m, Output& out) const {
    LinearArgs args;
    args.weight = weight.matrix;
    args.up = up.matrix;
    args.activations = activations.data();
    args.token_end = m;
    args.panel_end = panel_count(n);
    args.epilogue.out = out.data();
    args.epilogue.out_stride = out.stride();
    return args;
  }
  const uint8_t* row(const std::vector<uint8_t>& of, int64_t r) const {
    return of.data() + size_t(r) * row_bytes(type, uint64_t(k));
  }
};

// Every addition of a block may round, and so may the few operations on the way to it.
double tolerance(const Problem& p, double magnitude) {
  const double blocks = double(p.k) / dtype_info(p.type).block_elements;
  return (blocks / 2 + 8) * 6e-8 * magnitude + 1e-30;
}

void check_against_oracle(const Problem& p, const Output& y, int64_t m) {
  for (int64_t t = 0; t < m; ++t) {
    for (int64_t r = 0; r < p.n; ++r) {
      const OracleResult expected = oracle_dot(p.type, p.row(p.rows, r), p.x.data() + t * p.k, p.k);
      INFO("token " << t << " row " << r << " expected " << expected.value << " got " << y.at(t, r));
      REQUIRE(std::abs(y.at(t, r) - expected.value) <= tolerance(p, expected.magnitude));
    }
  }
}

TEST_CASE("every kernel of every type and instruction set agrees with the oracle") {
  for (const DType type : kLinearTypes) {
    for (const int64_t n : {int64_t(2), int64_t(53)}) {
      const Problem p(type, n);
      for (const LinearTable* table : runnable_tables()) {
        INFO(dtype_name(type) << " n " << n << " on " << table->isa);
        const AlignedBuffer a = p.activations(*table);
        Output y(kMaxTokens, n);
        linear(*table, p.args(a, kMaxTokens, y));
        check_against_oracle(p, y, kMaxTokens);
        REQUIRE(y.frame_intact());
      }
    }
  }
}

TEST_CASE("a result has the same bits for every number of tokens and every eligible kernel") {
  for (const DType type : kLinearTypes) {
    const Problem p(type, 53);
    for (const LinearTable* table : runnable_tables()) {
      const AlignedBuffer a = p.activations(*table);
      for (const LinearOp op : {LinearOp::kLinear, LinearOp::kGlu}) {
        Output all(kMaxTokens, p.n);
        select_linear(*table, op, type, kMaxTokens)->run(p.args(a, kMaxTokens, all));
        for (const LinearKernel& kernel : std::span(table->kernels, size_t(table->n_kernels))) {
          if (kernel.op != op || kernel.weight != type) continue;
          for (const int64_t m : kTokenCounts) {
            if (m < kernel.m_min || m > kernel.m_max) continue;
            INFO(kernel.name << " m " << m);
            Output y(m, p.n);
            kernel.run(p.args(a, m, y));
            REQUIRE(y.same_bits(all, m));
            REQUIRE(y.frame_intact());
          }
        }
      }
    }
  }
}

TEST_CASE("a result has the same bits for every split of panels and tokens") {
  for (const DType type : kLinearTypes) {
    const Problem p(type, 115);
    for (const LinearTable* table : runnable_tables()) {
      INFO(dtype_name(type) << " on " << table->isa);
      const AlignedBuffer a = p.activations(*table);
      Output whole(20, p.n), split(20, p.n);
      linear(*table, p.args(a, 20, whole));
      const int64_t cuts[] = {0, 1, 4, 6, panel_count(p.n)};
      const int64_t token_cuts[] = {0, 7, 20};
      for (int i = 0; i < 4; ++i) {
        for (int j = 0; j < 2; ++j) {
          LinearArgs args = p.args(a, 20, split);
          args.panel_begin = cuts[i];
          args.panel_end = cuts[i + 1];
          args.token_begin = token_cuts[j];
          args.token_end = token_cuts[j + 1];
          linear(*table, args);
        }
      }
      REQUIRE(split.same_bits(whole, 20));
      REQUIRE(split.frame_intact());
    }
  }
}

TEST_CASE("the largest weights and activations do not saturate") {
  for (const DType type : kLinearTypes) {
    Problem p(type, 17, RowFill::kExtreme);
    for (float& v : p.x) v = v < 0 ? -1.0f : 1.0f;
    std::fill_n(p.x.data(), p.k, 1.0f);
    std::fill_n(p.x.data() + p.k, p.k, -1.0f);
    for (const LinearTable* table : runnable_tables()) {
      INFO(dtype_name(type) << " on " << table->isa);
      Output y(6, p.n);
      linear(*table, p.args(p.activations(*table), 6, y));
      check_against_oracle(p, y, 6);
    }
  }
}

TEST_CASE("the most negative weight and scale are exact") {
  for (const DType type : {DType::kQ8_0, DType::kQ6_K}) {
    Problem p(type, 16);
    const DTypeInfo& info = dtype_info(type);
    for (size_t at = 0; at < p.rows.size(); at += info.block_bytes) {
      if (type == DType::kQ8_0) std::memset(p.rows.data() + at + 2, 0x80, 32);
      if (type == DType::kQ6_K) {
        std::memset(p.rows.data() + at, 0, 192);  // codes: all weights are -32 before the scale
        std::memset(p.rows.data() + at + 192, 0x80, 16);
      }
    }
    p.weight = pack_rows(type, p.n, p.k, p.rows);
    std::fill_n(p.x.data(), p.k, 1.0f);
    std::fill_n(p.x.data() + p.k, p.k, -1.0f);
    for (const LinearTable* table : runnable_tables()) {
      INFO(dtype_name(type) << " on " << table->isa);
      Output y(8, p.n);
      linear(*table, p.args(p.activations(*table), 8, y));
      check_against_oracle(p, y, 8);
    }
  }
}

TEST_CASE("zero weights give zero") {
  for (const DType type : kLinearTypes) {
    const Problem p(type, 5, RowFill::kZero);
    for (const LinearTable* table : runnable_tables()) {
      Output y(9, p.n);
      linear(*table, p.args(p.activations(*table), 9, y));
      for (int64_t t = 0; t < 9; ++t)
        for (int64_t r = 0; r < p.n; ++r) REQUIRE(y.at(t, r) == 0.0f);
    }
  }
}

TEST_CASE("a NaN activation reaches every result of its token and no other") {
  for (const DType type : {DType::kQ4_K, DType::kQ8_0, DType::kF16}) {
    Problem p(type, 20);
    p.x[size_t(3 * p.k + 5)] = std::nanf("");
    for (const LinearTable* table : runnable_tables()) {
      INFO(dtype_name(type) << " on " << table->isa);
      Output y(7, p.n);
      linear(*table, p.args(p.activations(*table), 7, y));
      for (int64_t t = 0; t < 7; ++t)
        for (int64_t r = 0; r < p.n; ++r) REQUIRE(std::isnan(y.at(t, r)) == (t == 3));
    }
  }
}

TEST_CASE("epilogues add the bias and the residual stream") {
  for (const DType type : {DType::kQ4_K, DType::kQ5_0, DType::kF32}) {
    const Problem p(type, 53);
    std::vector<float> bias = make_activations(1, p.n, 14);
    for (const LinearTable* table : runnable_tables()) {
      for (const int64_t m : {int64_t(1), int64_t(5), int64_t(20)}) {
        const AlignedBuffer a = p.activations(*table);
        Output plain(m, p.n), summed(m, p.n);
        linear(*table, p.args(a, m, plain));
        summed.fill(0.25f);
        LinearArgs args = p.args(a, m, summed);
        args.epilogue.bias = bias.data();
        args.epilogue.accumulate = true;
        linear(*table, args);
        for (int64_t t = 0; t < m; ++t)
          for (int64_t r = 0; r < p.n; ++r)
            REQUIRE(summed.at(t, r) == 0.25f + (plain.at(t, r) + bias[size_t(r)]));
        REQUIRE(summed.frame_intact());
      }
    }
  }
}

double activate(GluActivation activation, double g) {
  if (activation == GluActivation::kSilu) return g / (1.0 + std::exp(-g));
  return 0.5 * g * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (g + 0.044715 * g * g * g)));
}

TEST_CASE("gated products are act(gate) * up") {
  for (const DType type : kLinearTypes) {
    const Problem p(type, 53);
    for (const LinearTable* table : runnable_tables()) {
      for (const GluActivation activation : {GluActivation::kSilu, GluActivation::kGeluTanh}) {
        INFO(dtype_name(type) << " on " << table->isa);
        const AlignedBuffer a = p.activations(*table);
        Output gate(9, p.n), up(9, p.n), glu(9, p.n);
        linear(*table, p.args(a, 9, gate));
        LinearArgs up_args = p.args(a, 9, up);
        up_args.weight = p.up.matrix;
        linear(*table, up_args);
        LinearArgs args = p.args(a, 9, glu);
        args.epilogue.activation = activation;
        linear_glu(*table, args);
        for (int64_t t = 0; t < 9; ++t) {
          for (int64_t r = 0; r < p.n; ++r) {
            const double expected = activate(activation, gate.at(t, r)) * up.at(t, r);
            const double tiny = 1e-6 * std::abs(double(up.at(t, r)));
            REQUIRE(std::abs(glu.at(t, r) - expected) <= 1e-6 * std::abs(expected) + tiny);
          }
        }
        REQUIRE(glu.frame_intact());
      }
    }
  }
}

TEST_CASE("every table has a kernel for every type and token count, and prefers the special ones") {
  for (const LinearTable* table : linear_tables()) {
    CHECK(find_linear_table(table->isa) == table);
    for (const DType type : kLinearTypes) {
      for (const LinearOp op : {LinearOp::kLinear, LinearOp::kGlu}) {
        for (const int64_t m : {int64_t(1), int64_t(2), int64_t(8), int64_t(9), int64_t(100000)}) {
          const LinearKernel* kernel = select_linear(*table, op, type, m);
          REQUIRE(kernel != nullptr);
          CHECK(kernel->activations == activation_layout(type));
          CHECK(std::string(kernel->name).rfind(std::string(table->isa) + "/", 0) == 0);
          CHECK((std::string(kernel->name).find("gemv") != std::string::npos) == (m == 1));
        }
      }
      CHECK(select_quantize(*table, activation_layout(type)) != nullptr);
    }
  }
  CHECK(find_linear_table("none") == nullptr);
}

}  // namespace
}  // namespace dunlin::cpu
