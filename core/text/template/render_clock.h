// RenderClock: what the time limit of a render is measured with. Tests bring their own, so that a limit is
// met or not whatever the machine is doing.
#pragma once

#include <chrono>
#include <functional>

namespace dunlin {

// The time since any fixed point; never goes back. Called from every thread that renders.
using RenderClock = std::function<std::chrono::nanoseconds()>;

inline std::chrono::nanoseconds steady_render_clock() {
  return std::chrono::steady_clock::now().time_since_epoch();
}

}  // namespace dunlin
