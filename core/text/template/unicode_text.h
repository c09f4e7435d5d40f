// Python's string operations on MarkedText: indices count code points, marks follow the text. Bytes that are
// not UTF-8 count as one character each and pass unchanged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/text/template/marked_text.h"

namespace dunlin::jinja {

struct CodePoint {
  int32_t value;  // -1 for a byte that is not UTF-8
  size_t length;  // in bytes
};
CodePoint code_point_at(std::string_view text, size_t offset);  // offset < text.size()
size_t count_code_points(std::string_view text);
// The byte offset of every character, and the size as the last one.
std::vector<size_t> character_offsets(std::string_view text);

bool is_space(int32_t code_point);      // as str.isspace
bool is_printable(int32_t code_point);  // as str.isprintable

// The offset of the first match at or after from, or npos. Linear time.
size_t find_text(std::string_view text, std::string_view wanted, size_t from = 0);

enum class Side { kLeft, kRight, kBoth };
MarkedText strip(const MarkedText& text, Side side);
MarkedText strip(const MarkedText& text, Side side, std::string_view characters);

enum class LetterCase { kUpper, kLower, kCapitalized, kTitle };
MarkedText change_case(const MarkedText& text, LetterCase to);
// Whether there is a letter with case and all such letters have that case, as str.isupper and str.islower.
bool is_all(std::string_view text, LetterCase letter_case);

// Whether there is a character and all are of the class, as str.isdigit, isalpha, isalnum and isspace.
enum class CharacterClass { kDigit, kLetter, kAlphanumeric, kSpace };
bool consists_of(std::string_view text, CharacterClass expected);

// Pieces between runs of whitespace, none empty; at most limit splits (negative: no limit), counted from the
// right if from_right.
std::vector<MarkedText> split_whitespace(const MarkedText& text, int64_t limit, bool from_right);
// Pieces between separators, which must not be empty.
std::vector<MarkedText> split(const MarkedText& text, std::string_view separator, int64_t limit,
                              bool from_right);
// Without the line ends, as str.splitlines.
std::vector<MarkedText> split_lines(const MarkedText& text);

}  // namespace dunlin::jinja
