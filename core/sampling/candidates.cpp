#include "core/sampling/candidates.h"

#include <algorithm>
#include <cfloat>
#include <limits>

namespace dunlin {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

Status non_finite(size_t id, float logit) {
  return Status::internal(kNonFiniteLogits, ": the logit of token ", id, " is ", logit,
                          "; the weights or a kernel are broken, run `verify` on this model");
}

// False for NaN too.
bool is_usable(float logit) {
  return logit <= FLT_MAX;
}

// A bounded heap in memory of the caller. Its front is the worst of the best, which a better candidate
// replaces.
class BestHeap {
 public:
  explicit BestHeap(std::span<Candidate> memory) : memory_(memory) {}

  // Only a logit above the bar is worth inserting.
  float bar() const { return bar_; }

  void insert(const Candidate& candidate) {
    if (n_ == memory_.size()) {
      std::pop_heap(memory_.begin(), memory_.end(), ranks_before);
      --n_;
    }
    memory_[n_++] = candidate;
    std::push_heap(memory_.begin(), memory_.begin() + ptrdiff_t(n_), ranks_before);
    if (n_ == memory_.size()) bar_ = memory_[0].logit;
  }

  // Best first; returns their number. The last call.
  size_t sort() {
    std::sort_heap(memory_.begin(), memory_.begin() + ptrdiff_t(n_), ranks_before);
    return n_;
  }

 private:
  std::span<Candidate> memory_;
  size_t n_ = 0;
  float bar_ = kMinusInfinity;
};

}  // namespace

Result<size_t> select_top(std::span<const float> logits, std::span<Candidate> out) {
  constexpr size_t kBlock = 32;  // logits compared as vectors before any of them is looked at alone
  if (out.empty()) return size_t(0);
  BestHeap best(out);
  for (size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const std::span<const float> block = logits.subspan(begin, std::min(kBlock, logits.size() - begin));
    if (block.size() == kBlock) {
      int n_above = 0;
      for (size_t i = 0; i < kBlock; ++i) n_above += !(block[i] <= best.bar());
      if (n_above == 0) continue;
    }
    for (size_t i = 0; i < block.size(); ++i) {
      if (block[i] <= best.bar()) continue;  // at the bar the earlier, lower id stays; NaN goes on
      if (!is_usable(block[i])) return non_finite(begin + i, block[i]);
      best.insert({int32_t(begin + i), block[i], 0});
    }
  }
  return best.sort();
}

Result<size_t> collect_all(std::span<const float> logits, std::span<Candidate> out) {
  DUNLIN_CHECK(out.size() >= logits.size());
  size_t n = 0;
  for (size_t id = 0; id < logits.size(); ++id) {
    if (!is_usable(logits[id])) return non_finite(id, logits[id]);
    if (logits[id] > kMinusInfinity) out[n++] = {int32_t(id), logits[id], 0};
  }
  return n;
}

}  // namespace dunlin
