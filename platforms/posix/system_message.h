// system_message: the system's text for a value of errno. Unlike std::strerror any thread may ask.
#pragma once

#include <string>
#include <system_error>

namespace dunlin {

inline std::string system_message(int error) {
  return std::generic_category().message(error);
}

}  // namespace dunlin
