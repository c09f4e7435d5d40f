#include "core/sampling/filters.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "core/sampling/philox.h"

namespace dunlin {
namespace {

// Candidates 0, 1, ... with these probabilities; the logits carry an offset that must not matter.
std::vector<Candidate> with_probabilities(const std::vector<double>& p) {
  std::vector<Candidate> out;
  for (size_t i = 0; i < p.size(); ++i) out.push_back({int32_t(i), float(std::log(p[i]) + 17.0), 0});
  return out;
}

std::vector<int32_t> ids(const std::vector<Candidate>& candidates, size_t n) {
  std::vector<int32_t> out;
  for (size_t i = 0; i < n; ++i) out.push_back(candidates[i].id);
  return out;
}

using Ids = std::vector<int32_t>;

TEST_CASE("top-p keeps the most probable until they hold p") {
  const auto survivors = [](float p) {
    auto c = with_probabilities({0.1, 0.4, 0.2, 0.3});
    return ids(c, keep_top_p(c, p));
  };
  CHECK(survivors(0.0f) == Ids{1});
  CHECK(survivors(0.39f) == Ids{1});
  CHECK(survivors(0.41f) == Ids{1, 3});
  CHECK(survivors(0.69f) == Ids{1, 3});
  CHECK(survivors(0.71f) == Ids{1, 3, 2});
  CHECK(survivors(0.91f) == Ids{1, 3, 2, 0});
  std::vector<Candidate> none;
  CHECK(keep_top_p(none, 0.5f) == 0);
}

TEST_CASE("min-p keeps what has min_p times the best probability") {
  const auto survivors = [](float p) {
    auto c = with_probabilities({0.1, 0.4, 0.2, 0.3});
    return ids(c, keep_min_p(c, p));
  };
  CHECK(survivors(0.2f) == Ids{0, 1, 2, 3});
  CHECK(survivors(0.3f) == Ids{1, 2, 3});
  CHECK(survivors(0.6f) == Ids{1, 3});
  CHECK(survivors(1.0f) == Ids{1});
  std::vector<Candidate> none;
  CHECK(keep_min_p(none, 0.5f) == 0);
}

TEST_CASE("typical keeps what is nearest to the entropy") {
  // Entropy of (0.5, 0.25, 0.15, 0.1) = 1.208 nat. Surprises 0.693, 1.386, 1.897, 2.303; distances 0.515,
  // 0.178, 0.689, 1.095: the order is 1, 0, 2, 3 with masses 0.25, 0.75, 0.9, 1.
  const auto survivors = [](float p) {
    auto c = with_probabilities({0.5, 0.25, 0.15, 0.1});
    return ids(c, keep_typical(c, p));
  };
  CHECK(survivors(0.0f) == Ids{1});
  CHECK(survivors(0.24f) == Ids{1});
  CHECK(survivors(0.26f) == Ids{1, 0});
  CHECK(survivors(0.74f) == Ids{1, 0});
  CHECK(survivors(0.76f) == Ids{1, 0, 2});
  CHECK(survivors(0.91f) == Ids{1, 0, 2, 3});
  std::vector<Candidate> none;
  CHECK(keep_typical(none, 0.5f) == 0);
}

TEST_CASE("the draw follows the probabilities") {
  const std::vector<double> p = {0.1, 0.4, 0.2, 0.3};
  constexpr int kDraws = 100000;
  const float temperature = GENERATE(1.0f, 0.5f, 2.0f);
  double total = 0.0;
  for (const double x : p) total += std::pow(x, 1.0 / double(temperature));
  std::vector<int> counts(p.size());
  for (int i = 0; i < kDraws; ++i) {
    auto c = with_probabilities(p);
    ++counts[draw(c, temperature, uniform_draw(3, uint64_t(i)))];
  }
  for (size_t i = 0; i < p.size(); ++i) {
    const double expected = std::pow(p[i], 1.0 / double(temperature)) / total;
    const double deviation = std::sqrt(expected * (1.0 - expected) / kDraws);
    CHECK(double(counts[i]) / kDraws == Approx(expected).margin(5.0 * deviation));
  }
}

TEST_CASE("the draw's ends and extreme temperatures") {
  std::vector<Candidate> c = {{0, -1000.0f, 0}, {1, 0.0f, 0}, {2, 0.0f, 0}, {3, -1000.0f, 0}};
  CHECK(draw(c, 1.0f, 0.0) == 1);  // never one whose probability is zero
  CHECK(draw(c, 1.0f, 0.499) == 1);
  CHECK(draw(c, 1.0f, 0.5) == 2);
  CHECK(draw(c, 1.0f, 1.0 - 0x1p-53) == 2);
  std::vector<Candidate> two = {{0, 1.0f, 0}, {1, 1.0001f, 0}};
  CHECK(draw(two, 1e-40f, 0.0) == 1);
  CHECK(draw(two, 1e-40f, 0.999) == 1);
}

}  // namespace
}  // namespace dunlin
