#include "tests/support/emulated_choice.h"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <vector>

#include "backends/cuda/device/choose_token.h"

namespace dunlin::testing {
namespace {

using namespace dunlin::cuda;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// One thread that does what all would, between two points where they meet.
struct HostTeam {
  template <typename F>
  void each(int n, const F& f) {
    for (int i = 0; i < n; ++i) f(i);
  }
  template <typename F>
  void for_elements(const LogitSource& source, const F& f) {
    for (int32_t i = 0; i < source.n; ++i)
      f(source.logits[i], source.ids != nullptr ? source.ids[i] : source.first_id + i);
  }
  template <typename F>
  void add_up(const LogitSource& source, uint64_t* sums, const F& f) {
    for_elements(source, [&](float logit, int32_t id) {
      const PlacedMass e = f(logit, id);
      sums[e.at] += e.mass;
    });
  }
  template <typename F>
  uint64_t sum(const LogitSource& source, const F& f) {
    uint64_t all = 0;
    for_elements(source, [&](float logit, int32_t id) { all += f(logit, id); });
    return all;
  }
};

void penalize(std::span<float> logits, const TokenChoice& c, std::span<const TokenCount> window,
              int32_t own_token) {
  const auto apply = [&](int32_t token, int32_t count) {
    if (size_t(token) >= logits.size()) return;
    float& logit = logits[size_t(token)];
    logit = penalized_logit(logit, count, c.repeat_penalty, c.presence_penalty, c.frequency_penalty);
  };
  bool is_own_counted = !c.counts_own_token;
  for (const TokenCount& entry : window) {
    const bool is_own = c.counts_own_token && entry.token == own_token;
    is_own_counted = is_own_counted || is_own;
    apply(entry.token, entry.count + (is_own ? 1 : 0));
  }
  if (!is_own_counted) apply(own_token, 1);
}

// f(part, thread, id) for every id, by the thread of a part that looks at it.
template <typename F>
void for_slices(int32_t n, const F& f) {
  const int32_t length = slice_length(n);
  for (int32_t part = 0; part < kChoiceParts; ++part)
    for (int32_t i = 0; i < length && part * length + i < n; ++i)
      f(part, i % (kPartWarps * 32), part * length + i);
}

}  // namespace

int32_t emulated_choice(std::span<float> logits, const TokenChoice& choice,
                        std::span<const TokenCount> window, int32_t own_token) {
  penalize(logits, choice, window, own_token);
  const auto n = int32_t(logits.size());
  std::array<float, kChoicePeaks> peaks;
  peaks.fill(-kInfinity);
  for_slices(n, [&](int32_t part, int32_t thread, int32_t id) {
    float& peak = peaks[size_t(part * kPartWarps + thread / 32)];
    const float v = logits[size_t(id)];
    peak = std::max(peak, v < kInfinity ? v : kInfinity);
  });
  std::ranges::sort(peaks, std::greater());
  const float largest = peaks[0];
  const float bar = list_bar(choice, largest, peaks[size_t(std::clamp(choice.top_k, 1, kChoicePeaks) - 1)]);
  std::array<uint64_t, kChoiceParts> part_mass{};
  std::vector<float> list_logits;
  std::vector<int32_t> list_ids;
  int32_t n_listed = 0;
  const bool wants_mass = choice.top_k == 0 && largest <= kLargestFloat && largest >= -kLargestFloat;
  for_slices(n, [&](int32_t part, int32_t, int32_t id) {
    const float v = logits[size_t(id)];
    if (wants_mass) part_mass[size_t(part)] += choice_mass(v, largest, part_temperature(choice));
    if (!(v >= bar) || ++n_listed > kChoiceListCapacity) return;
    list_logits.push_back(v);
    list_ids.push_back(id);
  });
  // In a device's list the order is chance.
  std::ranges::reverse(list_logits);
  std::ranges::reverse(list_ids);
  const auto state = std::make_unique<ChooseState>();
  HostTeam team;
  return choose_token(
      team, *state, choice,
      {logits.data(), n, largest, part_mass.data(), list_logits.data(), list_ids.data(), n_listed});
}

}  // namespace dunlin::testing
