// printable: outside text made safe for a message: quoted, cut at 80 bytes, other than ASCII letters escaped.
#pragma once

#include <string>
#include <string_view>

namespace dunlin {

inline std::string printable(std::string_view text) {
  constexpr size_t kMaxBytes = 80;
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "'";
  for (const char c : text.substr(0, kMaxBytes)) {
    if (c >= ' ' && c <= '~') {
      out += c;
      continue;
    }
    out += "\\x";
    out += kHex[(uint8_t(c) >> 4) & 15];
    out += kHex[uint8_t(c) & 15];
  }
  return out + (text.size() > kMaxBytes ? "...'" : "'");
}

}  // namespace dunlin
