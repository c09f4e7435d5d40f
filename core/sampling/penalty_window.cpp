#include "core/sampling/penalty_window.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/device/choice_math.h"

namespace dunlin {

PenaltyWindow::PenaltyWindow(int32_t n_vocab, int32_t last_n) : last_n_(last_n) {
  DUNLIN_CHECK(n_vocab > 0 && last_n >= -1);
  if (last_n_ == 0) return;
  index_of_.assign(size_t(n_vocab), -1);
  if (last_n_ > 0) ring_.assign(size_t(last_n_), 0);
  entries_.reserve(size_t(last_n_ > 0 ? std::min(last_n_, n_vocab) : n_vocab));
}

void PenaltyWindow::accept(int32_t token) {
  if (last_n_ == 0) return;
  DUNLIN_CHECK(token >= 0 && size_t(token) < index_of_.size());
  if (!ring_.empty()) {
    if (ring_used_ == ring_.size()) {
      remove(ring_[ring_next_]);
    } else {
      ++ring_used_;
    }
    ring_[ring_next_] = token;
    ring_next_ = (ring_next_ + 1) % ring_.size();
  }
  add(token);
}

void PenaltyWindow::apply(std::span<float> logits, float repeat, float presence, float frequency) const {
  for (const TokenCount& entry : entries_) {
    if (size_t(entry.token) >= logits.size()) continue;
    float& logit = logits[size_t(entry.token)];
    logit = penalized_logit(logit, entry.count, repeat, presence, frequency);
  }
}

size_t PenaltyWindow::counts_before_next(std::span<TokenCount> out) const {
  const bool is_full = !ring_.empty() && ring_used_ == ring_.size();
  const int32_t leaving = is_full ? ring_[ring_next_] : -1;
  size_t n = 0;
  for (const TokenCount& entry : entries_) {
    const int32_t count = entry.count - (entry.token == leaving ? 1 : 0);
    if (count > 0) out[n++] = {entry.token, count};
  }
  return n;
}

void PenaltyWindow::add(int32_t token) {
  int32_t& index = index_of_[size_t(token)];
  if (index < 0) {
    index = int32_t(entries_.size());
    entries_.push_back({token, 0});
  }
  ++entries_[size_t(index)].count;
}

void PenaltyWindow::remove(int32_t token) {
  const int32_t index = index_of_[size_t(token)];
  TokenCount& entry = entries_[size_t(index)];
  if (--entry.count > 0) return;
  entry = entries_.back();
  index_of_[size_t(entry.token)] = index;
  index_of_[size_t(token)] = -1;
  entries_.pop_back();
}

}  // namespace dunlin
