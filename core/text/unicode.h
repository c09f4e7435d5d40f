// What the tokenizers need to know about code points (Unicode 15): the classes that their patterns name, and
// the normalization form C.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dunlin {

// A bit each, so that one test covers "neither space, letter nor number". Combining marks are none of them.
enum CodePointClass : uint8_t {
  kClassOther = 0,
  kClassLetter = 1,       // \p{L}: Lu Ll Lt Lm Lo
  kClassNumber = 2,       // \p{N}: Nd Nl No
  kClassSpace = 4,        // \s: White_Space
  kClassPunctuation = 8,  // \p{P}: Pc Pd Ps Pe Pi Pf Po
};

CodePointClass class_of(char32_t code_point);

inline bool is_white_space(char32_t code_point) {
  return class_of(code_point) == kClassSpace;
}

// valid_utf8 in normalization form C; O(n log n) whatever the order of its combining marks.
std::string to_nfc(std::string_view valid_utf8);

// False only if to_nfc would not change the text.
bool may_need_nfc(std::string_view valid_utf8);

}  // namespace dunlin
