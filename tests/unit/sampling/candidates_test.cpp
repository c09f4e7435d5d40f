#include "core/sampling/candidates.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <vector>

#include "core/sampling/philox.h"

namespace dunlin {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<int32_t> top_ids(const std::vector<float>& logits, size_t k) {
  std::vector<Candidate> out(k);
  const size_t n = select_top(logits, out).value();
  std::vector<int32_t> ids;
  for (size_t i = 0; i < n; ++i) ids.push_back(out[i].id);
  return ids;
}

TEST_CASE("select_top gives the best, best first, lower ids first on ties") {
  const std::vector<float> logits = {1, 5, 3, 5, -2, 3, 3};
  CHECK(top_ids(logits, 1) == std::vector<int32_t>{1});
  CHECK(top_ids(logits, 2) == std::vector<int32_t>{1, 3});
  CHECK(top_ids(logits, 4) == std::vector<int32_t>{1, 3, 2, 5});
  CHECK(top_ids(logits, 7) == std::vector<int32_t>{1, 3, 2, 5, 6, 0, 4});
  CHECK(top_ids(logits, 20) == std::vector<int32_t>{1, 3, 2, 5, 6, 0, 4});
  CHECK(top_ids(logits, 0).empty());
  CHECK(top_ids({}, 3).empty());
}

TEST_CASE("select_top equals a full sort on many sizes and coarse values") {
  for (const size_t n : {1u, 31u, 32u, 33u, 64u, 1000u}) {
    // Few distinct values, so that ties fall on both sides of block borders.
    std::vector<float> logits(n);
    for (size_t i = 0; i < n; ++i) logits[i] = float(int(uniform_draw(n, i) * 12));
    std::vector<int32_t> sorted(n);
    for (size_t i = 0; i < n; ++i) sorted[i] = int32_t(i);
    std::stable_sort(sorted.begin(), sorted.end(),
                     [&](int32_t a, int32_t b) { return logits[size_t(a)] > logits[size_t(b)]; });
    for (const size_t k : {size_t(1), size_t(2), size_t(40), n}) {
      CAPTURE(n, k);
      CHECK(top_ids(logits, k) ==
            std::vector<int32_t>(sorted.begin(), sorted.begin() + ptrdiff_t(std::min(k, n))));
    }
  }
}

TEST_CASE("tokens at -inf are no candidates") {
  CHECK(top_ids({-kInf, 2, -kInf, 1}, 4) == std::vector<int32_t>{1, 3});
  CHECK(top_ids({-kInf, -kInf}, 2).empty());
  std::vector<Candidate> out(3);
  const std::vector<float> logits = {-kInf, 2, -3};
  REQUIRE(collect_all(logits, out).value() == 2);
  CHECK(out[0].id == 1);
  CHECK(out[1].id == 2);
}

void check_found(float bad, size_t n) {
  for (size_t at = 0; at < n; ++at) {
    std::vector<float> logits(n, 0.0f);
    logits[0] = 10.0f;
    logits[at] = bad;
    std::vector<Candidate> out(n);
    for (const Result<size_t>& result :
         {select_top(logits, std::span(out).first(1)), collect_all(logits, out)}) {
      INFO(bad << " at " << at << " of " << n);
      REQUIRE_FALSE(result.is_ok());
      CHECK(result.status().code() == StatusCode::kInternal);
      CHECK(result.message().find(kNonFiniteLogits) == 0);
      CHECK(result.message().find(str_cat("token ", at, " ")) != std::string::npos);
    }
  }
}

TEST_CASE("NaN and +inf are found wherever they stand") {
  for (const float bad : {kInf, kNan, -kNan})
    for (const size_t n : {size_t(5), size_t(100)}) check_found(bad, n);
}

}  // namespace
}  // namespace dunlin
