// What goes to stderr beside the result: progress lines on a terminal, plain lines elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace dunlin::cli {

bool stderr_is_terminal();
bool stdin_is_terminal();

// One line that is rewritten in place; nothing without a terminal. Not thread-safe.
class ProgressLine {
 public:
  explicit ProgressLine(std::string title) : title_(std::move(title)) {}
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // "loading  312.0 / 986.0 MB  eta 2 s"; at most ten times a second.
  void update(uint64_t done, uint64_t total, double unit, const char* unit_name);
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  std::string title_;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point last_{};
  bool shown_ = false;
};

}  // namespace dunlin::cli
