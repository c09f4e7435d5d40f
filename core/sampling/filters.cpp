#include "core/sampling/filters.h"

#include <algorithm>
#include <cmath>

#include "core/base/check.h"
#include "core/device/choice_math.h"

namespace dunlin {
namespace {

float largest_logit(std::span<const Candidate> candidates) {
  float largest = candidates[0].logit;
  for (const Candidate& c : candidates) largest = std::max(largest, c.logit);
  return largest;
}

// Returns the sum.
uint64_t fill_masses(std::span<Candidate> candidates, float temperature) {
  const float largest = largest_logit(candidates);
  uint64_t sum = 0;
  for (Candidate& c : candidates) {
    c.mass = choice_mass(c.logit, largest, temperature);
    sum += c.mass;
  }
  return sum;
}

// Takes candidates in the order of `before` until their mass reaches the share; they end at the front. mass
// reads the candidate's part of it. A heap yields them one by one, so the rest is never sorted.
template <typename Share, typename Before, typename Mass>
size_t take_until(std::span<Candidate> candidates, Share share, Before before, Mass mass) {
  const auto worse = [&](const Candidate& a, const Candidate& b) { return before(b, a); };
  std::make_heap(candidates.begin(), candidates.end(), worse);
  Share taken = 0;
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
  const auto sum = double(fill_masses(candidates, 1.0f));
  const float largest = largest_logit(candidates);
  double mean_logit = 0.0;  // relative to the largest
  for (const Candidate& c : candidates) mean_logit += double(c.mass) / sum * double(c.logit - largest);
  // Surprise = log(sum) - (logit - largest), and the entropy is its mean: their distance is |logit - mean|.
  const auto distance = [&](const Candidate& c) {
    return float(std::fabs(double(c.logit - largest) - mean_logit));
  };
  return take_until(
      candidates, double(typical_p),
      [&](const Candidate& a, const Candidate& b) {
        const float of_a = distance(a), of_b = distance(b);
        return of_a != of_b ? of_a < of_b : ranks_before(a, b);
      },
      [&](const Candidate& c) { return double(c.mass) / sum; });
}

size_t keep_top_p(std::span<Candidate> candidates, float top_p) {
  if (candidates.empty()) return 0;
  const uint64_t sum = fill_masses(candidates, 1.0f);
  return take_until(candidates, nucleus_mass(sum, top_p), ranks_before,
                    [](const Candidate& c) { return c.mass; });
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
  uint64_t target = draw_target(fill_masses(candidates, temperature), uniform);
  // Nobody needs them sorted: of two halves, the one in which the target lies is halved again.
  std::span<Candidate> rest = candidates;
  while (rest.size() > 1) {
    const size_t half = rest.size() / 2;
    std::nth_element(rest.begin(), rest.begin() + ptrdiff_t(half), rest.end(),
                     [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
    uint64_t lower = 0;
    for (const Candidate& c : rest.first(half)) lower += c.mass;
    if (target < lower) {
      rest = rest.first(half);
    } else {
      target -= lower;
      rest = rest.subspan(half);
    }
  }
  return size_t(rest.data() - candidates.data());
}

}  // namespace dunlin
