#include "terminal.h"

#include <unistd.h>

#include <cstdio>

namespace dunlin::cli {
namespace {

constexpr auto kRefresh = std::chrono::milliseconds(100);

}  // namespace

bool stderr_is_terminal() {
  return isatty(STDERR_FILENO) == 1;
}
bool stdin_is_terminal() {
  return isatty(STDIN_FILENO) == 1;
}

void ProgressLine::update(uint64_t done, uint64_t total, double unit, const char* unit_name) {
  const auto now = Clock::now();
  if (!stderr_is_terminal() || (now - last_ < kRefresh && done != total)) return;
  last_ = now;
  shown_ = true;
  const double elapsed = std::chrono::duration<double>(now - begin_).count();
  const double eta = done == 0 ? 0 : elapsed * double(total - done) / double(done);
  std::fprintf(stderr, "\r\033[K%s  %.1f / %.1f %s  eta %.0f s", title_.c_str(), double(done) / unit,
               double(total) / unit, unit_name, eta);
  std::fflush(stderr);
}

void ProgressLine::clear() {
  if (shown_) std::fprintf(stderr, "\r\033[K");
  shown_ = false;
}

}  // namespace dunlin::cli
