// ThreadTeam: a fixed set of threads that work through parallel regions together. The thread that calls run()
// is thread 0; the others wait in between, first spinning, then parked, so that an idle team uses no CPU.
//
//   team.run([&](int thread_index, int n_threads) {
//     phase_a(thread_index, n_threads);
//     team.barrier();  // what was written before it is visible to every thread after it
//     phase_b(thread_index, n_threads);
//   });
//
// A region allocates nothing and takes no lock. run() may be called from any thread, from one at a time, and
// not from inside a region. A region's body must not throw, and every thread must pass the same barriers. The
// team must outlive its regions.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "core/base/status.h"

namespace dunlin {

struct ThreadTeamOptions {
  int n_threads = 1;  // 1 to kMaxTeamThreads, the caller included

  // Logical CPU of each thread, or empty to leave the placement to the system. CPU 0 of the list belongs to
  // the thread that calls run(), which the team does not pin: hold a ScopedPin there.
  std::vector<int> cpus;

  // How many of the threads can really run at a time (affinity, container quota); 0 asks the system for the
  // affinity. Fewer than n_threads makes waiting threads give up their CPU at once instead of spinning.
  int n_available_cpus = 0;
};

inline constexpr int kMaxTeamThreads = 1024;

class ThreadTeam {
 public:
  // Region body; context is passed through.
  using RegionFunction = void (*)(void* context, int thread_index, int n_threads);

  // Status::exhausted if the system has no more threads; Status::invalid for a count or CPU that cannot be.
  static Result<std::unique_ptr<ThreadTeam>> create(const ThreadTeamOptions& options);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int n_threads() const;

  // Calls function(context, i, n_threads()) on every thread i and returns when all have finished.
  void run(RegionFunction function, void* context);

  // The same for a callable body(thread_index, n_threads), which is used in place, not copied.
  template <typename Body>
  void run(Body&& body) {
    using BodyType = std::remove_reference_t<Body>;
    run([](void* context, int thread_index,
           int n_threads) { (*static_cast<BodyType*>(context))(thread_index, n_threads); },
        const_cast<void*>(static_cast<const void*>(std::addressof(body))));
  }

  // Inside a region: waits until every thread of the team has come to the barrier.
  void barrier();

 private:
  struct State;
  explicit ThreadTeam(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace dunlin
