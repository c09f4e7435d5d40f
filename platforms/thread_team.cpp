#include "platforms/thread_team.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>

#include "core/base/aligned_buffer.h"
#include "platforms/clock.h"
#include "platforms/park.h"
#include "platforms/thread_affinity.h"

namespace dunlin {
namespace {

// A phase of a layer takes tens of microseconds, and waking a parked thread costs a few: spin for about a
// phase.
constexpr int64_t kSpinNs = 50'000;
// Between two looks at the clock.
constexpr int kPausesPerClock = 32;

// Oversubscribed, the thread that one waits for may need this CPU. Yielding to it is several times cheaper
// than being woken, as long as only the team's threads compete: with 4 threads on 2 CPUs and phases of 50 us,
// yielding costs 5 % over 2 threads, parking 50 %. A busy stranger keeps a yielded CPU for milliseconds, at
// every barrier, and 8 threads then run 40 times slower than parked ones; a parked thread is scheduled soon
// after its wake-up. So: yield, and after a yield that took too long to be a teammate's phase, park right
// away for a while.
constexpr int kYields = 16;
constexpr int64_t kLongYieldNs = 500'000;
constexpr int64_t kNoYieldNs = 200'000'000;

// Gate: a generation number that one thread advances and others wait for.
struct Gate {
  alignas(kCacheLineBytes) std::atomic<uint32_t> generation{0};
  alignas(kCacheLineBytes) std::atomic<uint32_t> n_parked{0};
  std::atomic<int64_t> no_yield_until_ns{0};  // only touched when oversubscribed

  void advance() {
    // Sequentially consistent with n_parked: either this sees the parked thread, or that one sees the
    // generation.
    generation.fetch_add(1, std::memory_order_seq_cst);
    if (n_parked.load(std::memory_order_seq_cst) > 0) unpark_all(generation);
  }

  bool passed(uint32_t seen) const { return generation.load(std::memory_order_acquire) != seen; }

  void wait(uint32_t seen, bool oversubscribed) {
    if (passed(seen)) return;
    if (oversubscribed ? yield_until_passed(seen) : spin_until_passed(seen)) return;
    n_parked.fetch_add(1, std::memory_order_seq_cst);
    while (!passed(seen)) park_while_equal(generation, seen);
    n_parked.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  bool spin_until_passed(uint32_t seen) const {
    const int64_t deadline = monotonic_ns() + kSpinNs;
    do {
      for (int i = 0; i < kPausesPerClock; ++i) {
        if (passed(seen)) return true;
        spin_pause();
      }
    } while (monotonic_ns() < deadline);
    return false;
  }

  bool yield_until_passed(uint32_t seen) {
    int64_t before = monotonic_ns();
    if (before < no_yield_until_ns.load(std::memory_order_relaxed)) return false;
    for (int i = 0; i < kYields; ++i) {
      yield_thread();
      const int64_t after = monotonic_ns();
      const bool stranger = after - before > kLongYieldNs;
      if (stranger) no_yield_until_ns.store(after + kNoYieldNs, std::memory_order_relaxed);
      if (passed(seen)) return true;
      if (stranger) return false;
      before = after;
    }
    return false;
  }
};

Status pin_workers(ThreadTeam& team, const std::vector<int>& cpus) {
  std::vector<Status> statuses(cpus.size());
  team.run([&](int thread_index, int) {
    if (thread_index > 0)
      statuses[size_t(thread_index)] = set_current_thread_cpus({cpus[size_t(thread_index)]});
  });
  for (const Status& status : statuses) DUNLIN_RETURN_IF_ERROR(status);
  return Status::ok();
}

}  // namespace

struct ThreadTeam::State {
  // Written by run() before start advances, read by the workers after.
  RegionFunction function = nullptr;
  void* context = nullptr;
  bool stopping = false;

  int n_threads = 1;
  bool oversubscribed = false;
  std::vector<std::thread> workers;

  Gate start;
  Gate barrier;
  alignas(kCacheLineBytes) std::atomic<int> n_arrived{0};

  void cross_barrier() {
    // Read before arriving: the barrier cannot advance without this thread.
    const uint32_t seen = barrier.generation.load(std::memory_order_relaxed);
    if (n_arrived.fetch_add(1, std::memory_order_acq_rel) == n_threads - 1) {
      n_arrived.store(0, std::memory_order_relaxed);
      barrier.advance();
    } else {
      barrier.wait(seen, oversubscribed);
    }
  }

  void work(int thread_index) {
    for (uint32_t seen = 0;; ++seen) {
      start.wait(seen, oversubscribed);
      if (stopping) return;
      function(context, thread_index, n_threads);
      cross_barrier();
    }
  }

  void stop() {
    stopping = true;
    start.advance();
    for (std::thread& worker : workers) worker.join();
    workers.clear();
  }
};

ThreadTeam::ThreadTeam(std::unique_ptr<State> state) : state_(std::move(state)) {}

ThreadTeam::~ThreadTeam() {
  state_->stop();
}

Result<std::unique_ptr<ThreadTeam>> ThreadTeam::create(const ThreadTeamOptions& options) {
  if (options.n_threads < 1 || options.n_threads > kMaxTeamThreads) {
    return Status::invalid("a team of ", options.n_threads, " threads: the count must be 1 to ",
                           kMaxTeamThreads);
  }
  if (!options.cpus.empty() && options.cpus.size() != size_t(options.n_threads)) {
    return Status::invalid("a team of ", options.n_threads, " threads needs as many CPUs, not ",
                           options.cpus.size());
  }
  const int n_cpus =
      options.n_available_cpus > 0 ? options.n_available_cpus : int(current_thread_cpus().size());

  auto state = std::make_unique<State>();
  state->n_threads = options.n_threads;
  state->oversubscribed = n_cpus > 0 && options.n_threads > n_cpus;
  state->workers.reserve(size_t(options.n_threads) - 1);
  try {
    for (int i = 1; i < options.n_threads; ++i) state->workers.emplace_back(&State::work, state.get(), i);
  } catch (const std::system_error& error) {
    const size_t n_started = state->workers.size() + 1;
    state->stop();
    return Status::exhausted("the system started only ", n_started, " of ", options.n_threads,
                             " threads: ", error.what(), "; use fewer threads or raise the process limit");
  }
  std::unique_ptr<ThreadTeam> team(new ThreadTeam(std::move(state)));
  if (!options.cpus.empty()) DUNLIN_RETURN_IF_ERROR(pin_workers(*team, options.cpus));
  return team;
}

int ThreadTeam::n_threads() const {
  return state_->n_threads;
}

void ThreadTeam::run(RegionFunction function, void* context) {
  if (state_->n_threads == 1) return function(context, 0, 1);
  state_->function = function;
  state_->context = context;
  state_->start.advance();
  function(context, 0, state_->n_threads);
  state_->cross_barrier();
}

void ThreadTeam::barrier() {
  if (state_->n_threads > 1) state_->cross_barrier();
}

}  // namespace dunlin
