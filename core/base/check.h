// DUNLIN_CHECK: a programming error, never the outside world's. It throws CheckFailure, which the C API and
// the engine's thread catch and turn into DUNLIN_INTERNAL: the library never aborts its host.
#pragma once

#include <stdexcept>

namespace dunlin {

class CheckFailure : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn]] void check_failed(const char* file, int line, const char* condition, const char* detail);

}  // namespace dunlin

#define DUNLIN_CHECK_MSG(condition, detail) \
  ((condition) ? void(0) : ::dunlin::check_failed(__FILE__, __LINE__, #condition, detail))
#define DUNLIN_CHECK(condition) DUNLIN_CHECK_MSG(condition, "")
