#include "platforms/work_split.h"

#include <algorithm>
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

TEST_CASE("a counter hands out every item once") {
  TailCounter counter;
  counter.reset(3);
  CHECK(counter.take(10, 4).begin == 3);
  const IndexRange last = counter.take(10, 4);
  CHECK(last.begin == 7);
  CHECK(last.end == 10);
  CHECK(counter.take(10, 4).empty());
}

TEST_CASE("threads that share work visit every item once") {
  const int64_t n = GENERATE(0, 1, 5, 100, 1003, 100'000);
  const int n_threads = GENERATE(1, 3, 4);
  const int64_t granule = GENERATE(1, 4);
  const int64_t n_kept = GENERATE(0, 8);
  std::vector<std::atomic<int>> visits(static_cast<size_t>(n));
  std::atomic<int> n_misplaced{0};
  WorkShares shares;
  shares.reset(n, n_threads, granule, n_kept);
  std::vector<std::thread> threads;
  for (int i = 0; i < n_threads; ++i) {
    threads.emplace_back([&, i] {
      for (IndexRange piece = shares.take(i); !piece.empty(); piece = shares.take(i)) {
        if (piece.begin % granule != 0 || (piece.end % granule != 0 && piece.end != n)) ++n_misplaced;
        for (int64_t item = piece.begin; item < piece.end; ++item) ++visits[size_t(item)];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(n_misplaced == 0);
  CHECK(std::all_of(visits.begin(), visits.end(), [](const auto& count) { return count == 1; }));
}

TEST_CASE("a thread reads its own share front to back, then helps the other from its back") {
  WorkShares shares;
  shares.reset(100, 2, 2, 4);
  int64_t own = 50, other = 50;
  while (own < 100) {
    const IndexRange piece = shares.take(1);
    REQUIRE(piece.begin == own);
    REQUIRE(piece.size() >= 2);
    own = piece.end;
  }
  // The other took one piece and was stopped: of the rest of its share, four items stay its own.
  const IndexRange held = shares.take(0);
  CHECK(held.begin == 0);
  while (other > held.end + 4) {
    const IndexRange piece = shares.take(1);
    REQUIRE(piece.end == other);
    REQUIRE(piece.size() >= 2);
    other = piece.begin;
  }
  CHECK(shares.take(1).empty());
  CHECK(shares.take(0).begin == held.end);
  CHECK(shares.take(0).end == other);
  CHECK(shares.take(0).empty());
}

TEST_CASE("shares are dealt anew for another number of threads") {
  WorkShares shares;
  for (const int n_threads : {2, 4, 1}) {
    shares.reset(16, n_threads, 1);
    int64_t taken = 0;
    for (int i = 0; i < n_threads; ++i)
      for (IndexRange piece = shares.take(i); !piece.empty(); piece = shares.take(i)) taken += piece.size();
    CHECK(taken == 16);
  }
}

}  // namespace
}  // namespace dunlin
