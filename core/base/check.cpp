#include "core/base/check.h"

#include <string>

namespace dunlin {

void check_failed(const char* file, int line, const char* condition, const char* detail) {
  throw CheckFailure(std::string(file) + ":" + std::to_string(line) + ": check failed: " + condition + " " +
                     detail);
}

}  // namespace dunlin
