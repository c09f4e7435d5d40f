// Log: where the library's messages go. The library never prints; whoever opens a model passes a sink, and
// the default sink drops everything. A Log is a small value that is passed down; the sink may be called from
// any thread and must not call back into Dunlin.
#pragma once

#include <functional>
#include <string_view>

#include "core/base/str_cat.h"

namespace dunlin {

enum class LogLevel : int { kDebug = 0, kInfo = 1, kWarning = 2, kError = 3 };

class Log {
 public:
  using Sink = std::function<void(LogLevel, std::string_view message)>;

  Log() = default;
  explicit Log(Sink sink) : sink_(std::move(sink)) {}

  template <typename... P>
  void debug(const P&... p) const {
    write(LogLevel::kDebug, p...);
  }
  template <typename... P>
  void info(const P&... p) const {
    write(LogLevel::kInfo, p...);
  }
  template <typename... P>
  void warning(const P&... p) const {
    write(LogLevel::kWarning, p...);
  }
  template <typename... P>
  void error(const P&... p) const {
    write(LogLevel::kError, p...);
  }

 private:
  template <typename... P>
  void write(LogLevel level, const P&... p) const {
    if (sink_) sink_(level, str_cat(p...));
  }
  Sink sink_;
};

}  // namespace dunlin
