// RunningRequest: the request that a session's call waits for. Any thread may cancel it at any time of the
// call, also before the engine has given it an id.
#pragma once

#include <atomic>
#include <cstdint>

namespace dunlin {

class RunningRequest {
 public:
  // A call begins; what was cancelled before was not this one.
  void begin() {
    id_ = 0;
    is_cancelled_ = false;
  }
  // The engine has taken it and calls it so. True if it was cancelled meanwhile.
  bool started(uint64_t id) {
    id_ = id;
    return is_cancelled_;
  }
  void end() { id_ = 0; }
  // What to cancel now; 0 if the engine knows of nothing, yet.
  uint64_t cancel() {
    is_cancelled_ = true;
    return id_;
  }

 private:
  // Sequentially consistent: either cancel() sees the id, or started() the cancellation.
  std::atomic<uint64_t> id_{0};
  std::atomic<bool> is_cancelled_{false};
};

}  // namespace dunlin
