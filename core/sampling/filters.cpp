#include "core/sampling/filters.h"

#include <algorithm>
#include <cmath>

#include "core/base/check.h"

namespace dunlin {
namespace {

float largest_logit(std::span<const Candidate> candidates) {
  float largest = candidates[0].logit;
  for (const Candidate& c : candidates) largest = std::max(largest, c.logit);
  return largest;
}

// weight = exp((logit - largest) / temperature), in (0, 1]; returns the sum. A division, because the
// reciprocal of a tiny temperature is infinite and 0 * inf would lose the best candidate.
double fill_weights(std::span<Candidate> candidates, float temperature) {
  const float largest = largest_logit(candidates);
  double sum = 0.0;
  for (Candidate& c : candidates) {
    c.weight = std::exp((c.logit - largest) / temperature);
    sum += double(c.weight);
  }
  return sum;
}

// Takes candidates in the order of `before` until their mass reaches the share; they end at the front. mass
// reads the candidate's unnormalized probability. A heap yields them one by one, so the rest is never sorted.
template <typename Before, typename Mass>
size_t take_until(std::span<Candidate> candidates, double share, Before before, Mass mass) {
  const auto worse = [&](const Candidate& a, const Candidate& b) { return before(b, a); };
  std::make_heap(candidates.begin(), candidates.end(), worse);
  double taken = 0.0;
  auto heap_end = candidates.end();
  while (heap_end != candidates.begin()) {
    std::pop_heap(candidates.begin(), heap_end, worse);
    --heap_end;
    taken += mass(*heap_end);
    if (taken >= share) break;
  }
  // What was popped stands at the back, the best last.
  std::reverse(candidates.begin(), candidates.end());
  return size_t(candidates.end() - heap_end);
}

}  // namespace

size_t keep_typical(std::span<Candidate> candidates, float typical_p) {
  if (candidates.empty()) return 0;
  const double sum = fill_weights(candidates, 1.0f);
  const float largest = largest_logit(candidates);
  const double log_sum = std::log(sum);
  double mean_logit = 0.0;  // relative to the largest
  for (const Candidate& c : candidates) mean_logit += double(c.weight) / sum * double(c.logit - largest);
  // Surprise = log_sum - (logit - largest), and the entropy is its mean: their distance is |logit - mean|.
  for (Candidate& c : candidates) c.weight = float(std::fabs(double(c.logit - largest) - mean_logit));
  return take_until(
      candidates, double(typical_p),
      [](const Candidate& a, const Candidate& b) {
        return a.weight != b.weight ? a.weight < b.weight : ranks_before(a, b);
      },
      [&](const Candidate& c) { return std::exp(double(c.logit - largest) - log_sum); });
}

size_t keep_top_p(std::span<Candidate> candidates, float top_p) {
  if (candidates.empty()) return 0;
  const double sum = fill_weights(candidates, 1.0f);
  return take_until(candidates, double(top_p) * sum, ranks_before,
                    [](const Candidate& c) { return double(c.weight); });
}

size_t keep_min_p(std::span<Candidate> candidates, float min_p) {
  if (candidates.empty()) return 0;
  const float bar = largest_logit(candidates) + std::log(min_p);
  size_t n = 0;
  for (const Candidate& c : candidates) {
    if (c.logit >= bar) candidates[n++] = c;
  }
  return n;
}

size_t draw(std::span<Candidate> candidates, float temperature, double uniform) {
  DUNLIN_CHECK(!candidates.empty());
  const double target = uniform * fill_weights(candidates, temperature);
  double reached = 0.0;
  size_t last_possible = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].weight == 0.0f) continue;
    reached += double(candidates[i].weight);
    if (reached > target) return i;
    last_possible = i;
  }
  return last_possible;  // uniform so near to 1 that the sum's rounding hides it
}

}  // namespace dunlin
