// UTF-8 as RFC 3629 defines it: decoding, checking, and cutting a byte stream at whole characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dunlin {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

enum class Utf8State : uint8_t {
  kValid,
  kInvalid,     // the first byte can never begin a character here
  kIncomplete,  // the text ends inside what may become a character
};

struct Utf8Character {
  char32_t code_point = kReplacementCharacter;
  uint32_t bytes = 1;
  Utf8State state = Utf8State::kInvalid;
};

// The character at the begin of a text that is not empty. Anything but a valid one is U+FFFD of 1 byte.
Utf8Character decode_utf8(std::string_view text);

bool is_valid_utf8(std::string_view text);

// Each byte that is in no valid character becomes U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

void append_utf8(std::string& out, char32_t code_point);

// Releases the whole characters of a byte stream; keeps at most 3 bytes.
class Utf8Stream {
 public:
  void push(std::string_view bytes, std::string& out);
  void flush(std::string& out);

 private:
  std::string held_;
};

}  // namespace dunlin
