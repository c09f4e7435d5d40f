// str_cat: builds an error or log message from its parts. Not for hot paths.
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

namespace dunlin {
namespace detail {

inline void append_part(std::string& out, std::string_view part) {
  out += part;
}
inline void append_part(std::string& out, const char* part) {
  out += part;
}
inline void append_part(std::string& out, char part) {
  out += part;
}
inline void append_part(std::string& out, bool part) {
  out += part ? "true" : "false";
}

template <typename T>
requires std::integral<T> || std::floating_point<T>
void append_part(std::string& out, T part) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, part).ptr;
  out.append(buffer, end);
}

}  // namespace detail

template <typename... Parts>
std::string str_cat(const Parts&... parts) {
  std::string out;
  (detail::append_part(out, parts), ...);
  return out;
}

}  // namespace dunlin
