// How the threads of a region divide n items: a fixed share each, and a tail that whoever is free takes in
// chunks.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "core/base/aligned_buffer.h"

namespace dunlin {

struct IndexRange {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
  bool empty() const { return begin >= end; }
};

// The fixed share of one thread: contiguous, in thread order, sizes differing by at most one granule.
// Boundaries are multiples of granule (or n).
inline IndexRange static_share(int64_t n, int thread_index, int n_threads, int64_t granule = 1) {
  const int64_t n_granules = (n + granule - 1) / granule;
  const int64_t base = n_granules / n_threads;
  const int64_t extra = n_granules % n_threads;
  const int64_t first = base * thread_index + std::min<int64_t>(thread_index, extra);
  const int64_t count = base + (thread_index < extra ? 1 : 0);
  return {std::min(n, first * granule), std::min(n, (first + count) * granule)};
}

// TailCounter: hands out chunks of [begin, end) to threads in no fixed order. reset() belongs to one thread,
// with a barrier between it and the first take(), and between the last take() and the next reset().
class alignas(kCacheLineBytes) TailCounter {
 public:
  void reset(int64_t begin = 0) { next_.store(begin, std::memory_order_relaxed); }

  // The next chunk, or an empty range when [.., end) is used up.
  IndexRange take(int64_t end, int64_t chunk) {
    const int64_t begin = next_.fetch_add(chunk, std::memory_order_relaxed);
    return {std::min(begin, end), std::min(begin + chunk, end)};
  }

 private:
  std::atomic<int64_t> next_{0};
};

// Calls body(begin, end) for this thread's fixed share of the first items, then for tail chunks while there
// are any. tail: reset(0) before. tail_share: part of the n items that is dealt out dynamically, 0 to 1.
template <typename Body>
void split_with_tail(int64_t n, int64_t chunk, double tail_share, TailCounter& tail, int thread_index,
                     int n_threads, Body&& body) {
  const int64_t n_tail = std::min(n, int64_t(double(n) * tail_share));
  const int64_t n_fixed = n_threads == 1 ? n : (n - n_tail) / chunk * chunk;
  const IndexRange share = static_share(n_fixed, thread_index, n_threads, chunk);
  if (!share.empty()) body(share.begin, share.end);
  const int64_t n_rest = n - n_fixed;
  if (n_rest == 0) return;
  for (IndexRange part = tail.take(n_rest, chunk); !part.empty(); part = tail.take(n_rest, chunk)) {
    body(n_fixed + part.begin, n_fixed + part.end);
  }
}

}  // namespace dunlin
