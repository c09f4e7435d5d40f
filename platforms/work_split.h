// How the threads of a region divide n items: by fixed shares, off a counter, or by shares that others may
// help with.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

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

// WorkShares: n items in one contiguous share a thread. A thread takes pieces from the front of its own
// share, so that it reads memory as one stream; a thread that is through takes pieces from the back of the
// others', so that nobody waits long for a thread that the system stopped. Pieces are a part of what is left,
// at least a granule, and begin at a multiple of it.
class WorkShares {
 public:
  // By one thread, with a barrier between it and the first take(), and between the last take() and the next
  // reset(). n: below 2^32. n_kept: items at the end of each share that others leave to its owner, who may go
  // on with them sooner than another begins. Allocates when there are more threads than ever before.
  void reset(int64_t n, int n_threads, int64_t granule, int64_t n_kept = 0) {
    if (n_threads > n_allocated_) {
      shares_ = std::make_unique<Share[]>(size_t(n_threads));
      n_allocated_ = n_threads;
    }
    n_threads_ = n_threads;
    granule_ = granule;
    n_kept_ = n_kept;
    for (int i = 0; i < n_threads; ++i) shares_[size_t(i)].reset(static_share(n, i, n_threads, granule));
  }

  // The next piece for this thread; empty when nothing is left for it.
  IndexRange take(int thread_index) {
    const IndexRange own = shares_[size_t(thread_index)].take_front(granule_);
    if (!own.empty()) return own;
    while (Share* const fullest = find_fullest()) {
      const IndexRange other = fullest->take_back(granule_, n_kept_);
      if (!other.empty()) return other;
    }
    return {};
  }

 private:
  static constexpr int64_t kPieces = 4;  // a piece is one in so many of what is left

  // Begin and end are one atomic number, so that owner and helpers never take the same items.
  class alignas(kCacheLineBytes) Share {
   public:
    void reset(IndexRange range) { range_.store(pack(range), std::memory_order_relaxed); }
    int64_t size() const { return unpack(range_.load(std::memory_order_relaxed)).size(); }

    IndexRange take_front(int64_t granule) {
      uint64_t seen = range_.load(std::memory_order_relaxed);
      for (;;) {
        const IndexRange left = unpack(seen);
        if (left.empty()) return {};
        const int64_t middle = std::min(left.end, left.begin + piece_size(left, granule));
        if (replace(seen, {middle, left.end})) return {left.begin, middle};
      }
    }
    IndexRange take_back(int64_t granule, int64_t n_kept) {
      uint64_t seen = range_.load(std::memory_order_relaxed);
      for (;;) {
        const IndexRange left = unpack(seen);
        if (left.size() <= n_kept) return {};
        const int64_t aligned = (left.end - piece_size(left, granule) + granule - 1) / granule * granule;
        const int64_t middle = std::max(left.begin, aligned);
        if (replace(seen, {left.begin, middle})) return {middle, left.end};
      }
    }

   private:
    static int64_t piece_size(IndexRange left, int64_t granule) {
      return std::max(granule, left.size() / kPieces / granule * granule);
    }
    static uint64_t pack(IndexRange r) { return uint64_t(r.begin) | uint64_t(r.end) << 32; }
    static IndexRange unpack(uint64_t x) { return {int64_t(x & UINT32_MAX), int64_t(x >> 32)}; }
    bool replace(uint64_t& seen, IndexRange rest) {
      return range_.compare_exchange_weak(seen, pack(rest), std::memory_order_relaxed);
    }

    std::atomic<uint64_t> range_{0};
  };

  Share* find_fullest() const {
    Share* fullest = nullptr;
    int64_t most = n_kept_;
    for (int i = 0; i < n_threads_; ++i) {
      const int64_t size = shares_[size_t(i)].size();
      if (size <= most) continue;
      fullest = &shares_[size_t(i)];
      most = size;
    }
    return fullest;
  }

  std::unique_ptr<Share[]> shares_;
  int n_allocated_ = 0;
  int n_threads_ = 0;
  int64_t granule_ = 1;
  int64_t n_kept_ = 0;
};

}  // namespace dunlin
