#include "platforms/work_split.h"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

namespace dunlin {
namespace {

TEST_CASE("fixed shares cover everything once, in order and evenly") {
  const int64_t n = GENERATE(0, 1, 7, 64, 1000);
  const int n_threads = GENERATE(1, 2, 3, 8);
  const int64_t granule = GENERATE(1, 4, 16);
  int64_t next = 0;
  int64_t smallest = INT64_MAX;
  int64_t largest = 0;
  for (int thread = 0; thread < n_threads; ++thread) {
    const IndexRange share = static_share(n, thread, n_threads, granule);
    CHECK(share.begin == next);
    CHECK((share.begin % granule == 0 || share.begin == n));
    next = share.end;
    smallest = std::min(smallest, share.size());
    largest = std::max(largest, share.size());
  }
  CHECK(next == n);
  CHECK(largest - smallest <= 2 * granule - 1);  // a granule, and a short last one
}

TEST_CASE("a fixed share and a dynamic tail visit every item once") {
  const int64_t n = GENERATE(0, 1, 5, 100, 1003);
  const int n_threads = GENERATE(1, 3, 4);
  const double tail_share = GENERATE(0.0, 0.15, 1.0);
  constexpr int64_t kChunk = 8;
  std::vector<std::atomic<int>> visits(static_cast<size_t>(n));
  TailCounter tail;
  tail.reset();
  std::vector<std::thread> threads;
  for (int i = 0; i < n_threads; ++i) {
    threads.emplace_back([&, i] {
      split_with_tail(n, kChunk, tail_share, tail, i, n_threads, [&](int64_t begin, int64_t end) {
        for (int64_t item = begin; item < end; ++item) ++visits[size_t(item)];
      });
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& count : visits) CHECK(count == 1);
}

TEST_CASE("a slow thread's tail goes to the others") {
  TailCounter tail;
  tail.reset();
  int64_t taken = 0;
  // Thread 1 of 2 alone: its own half of the fixed part and the whole tail.
  split_with_tail(100, 1, 0.2, tail, 1, 2, [&](int64_t begin, int64_t end) { taken += end - begin; });
  CHECK(taken == 40 + 20);
  CHECK(tail.take(20, 1).empty());
}

}  // namespace
}  // namespace dunlin
