#include "core/text/template/unicode_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <limits>

namespace dunlin::jinja {
namespace {

constexpr size_t kNoMatch = std::string_view::npos;

bool is_line_end(int32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

// The start of the last character of text[0, end).
size_t last_character(std::string_view text, size_t end) {
  const size_t lowest = end > 4 ? end - 4 : 0;
  for (size_t start = end - 1; start + 1 > lowest; --start) {
    const CodePoint c = code_point_at(text.substr(0, end), start);
    if (c.value >= 0 && start + c.length == end) return start;
    if (start == 0) break;
  }
  return end - 1;
}

template <typename IsStripped>
MarkedText strip_if(const MarkedText& text, Side side, IsStripped is_stripped) {
  const std::string_view view = text.view();
  size_t begin = 0, end = view.size();
  while (side != Side::kRight && begin < end) {
    const CodePoint c = code_point_at(view, begin);
    if (!is_stripped(c.value, view.substr(begin, c.length))) break;
    begin += c.length;
  }
  while (side != Side::kLeft && begin < end) {
    const size_t start = last_character(view, end);
    const CodePoint c = code_point_at(view.substr(0, end), start);
    if (!is_stripped(c.value, view.substr(start, end - start))) break;
    end = start;
  }
  return text.slice(begin, end - begin);
}

void append_code_point(MarkedText& out, int32_t c, Origin origin) {
  utf8proc_uint8_t bytes[4];
  const auto length = utf8proc_encode_char(c, bytes);
  out.append({reinterpret_cast<const char*>(bytes), size_t(length)}, origin);
}

bool is_cased(int32_t c) {
  const auto category = utf8proc_category(c);
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
         category == UTF8PROC_CATEGORY_LT;
}

bool is_letter(int32_t c) {
  const auto category = utf8proc_category(c);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool is_digit(int32_t c) {
  return utf8proc_category(c) == UTF8PROC_CATEGORY_ND;
}

bool is_of(CharacterClass expected, int32_t c) {
  switch (expected) {
    case CharacterClass::kDigit:
      return is_digit(c);
    case CharacterClass::kLetter:
      return is_letter(c);
    case CharacterClass::kAlphanumeric:
      return is_digit(c) || is_letter(c);
    case CharacterClass::kSpace:
      return is_space(c);
  }
  return false;
}

bool starts_title_word(int32_t c) {
  return is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
}

struct Range {
  size_t begin, end;
};

std::vector<MarkedText> pieces_of(const MarkedText& text, const std::vector<Range>& ranges) {
  std::vector<MarkedText> pieces;
  pieces.reserve(ranges.size());
  for (const Range& range : ranges) pieces.push_back(text.slice(range.begin, range.end - range.begin));
  return pieces;
}

// All maximal ranges of text without whitespace.
std::vector<Range> words_of(std::string_view text) {
  std::vector<Range> words;
  bool in_word = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    const bool space = is_space(c.value);
    if (!space && !in_word) words.push_back({at, at});
    at += c.length;
    if (!space) words.back().end = at;
    in_word = !space;
  }
  return words;
}

}  // namespace

CodePoint code_point_at(std::string_view text, size_t offset) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + offset;
  if (*bytes < 0x80) return {*bytes, 1};
  const size_t available = std::min<size_t>(text.size() - offset, 4);
  utf8proc_int32_t value = -1;
  const auto length = utf8proc_iterate(bytes, utf8proc_ssize_t(available), &value);
  return length > 0 ? CodePoint{value, size_t(length)} : CodePoint{-1, 1};
}

size_t count_code_points(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); at += code_point_at(text, at).length) ++count;
  return count;
}

std::vector<size_t> character_offsets(std::string_view text) {
  std::vector<size_t> offsets;
  offsets.reserve(text.size() + 1);
  for (size_t at = 0; at < text.size(); at += code_point_at(text, at).length) offsets.push_back(at);
  offsets.push_back(text.size());
  return offsets;
}

bool is_space(int32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool is_printable(int32_t c) {
  if (c == ' ') return true;
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

// Knuth-Morris-Pratt: no choice of text and pattern makes it quadratic.
size_t find_text(std::string_view text, std::string_view wanted, size_t from) {
  constexpr size_t kShortPattern = 16;
  if (wanted.size() <= kShortPattern) return text.find(wanted, from);
  std::vector<size_t> fallback(wanted.size(), 0);
  for (size_t i = 1, k = 0; i < wanted.size(); ++i) {
    while (k > 0 && wanted[i] != wanted[k]) k = fallback[k - 1];
    if (wanted[i] == wanted[k]) ++k;
    fallback[i] = k;
  }
  for (size_t i = from, k = 0; i < text.size(); ++i) {
    while (k > 0 && text[i] != wanted[k]) k = fallback[k - 1];
    if (text[i] == wanted[k]) ++k;
    if (k == wanted.size()) return i + 1 - k;
  }
  return kNoMatch;
}

MarkedText strip(const MarkedText& text, Side side) {
  return strip_if(text, side, [](int32_t c, std::string_view) { return is_space(c); });
}

MarkedText strip(const MarkedText& text, Side side, std::string_view characters) {
  std::vector<std::string_view> set;
  for (size_t at = 0; at < characters.size();) {
    const size_t length = code_point_at(characters, at).length;
    set.push_back(characters.substr(at, length));
    at += length;
  }
  std::sort(set.begin(), set.end());
  return strip_if(text, side, [&](int32_t, std::string_view character) {
    return std::binary_search(set.begin(), set.end(), character);
  });
}

MarkedText change_case(const MarkedText& text, LetterCase to) {
  const std::string_view view = text.view();
  MarkedText out;
  bool at_start = true;
  for (size_t at = 0; at < view.size();) {
    const CodePoint c = code_point_at(view, at);
    const Origin origin = text.origin_at(at);
    const bool upper = to == LetterCase::kUpper || (to != LetterCase::kLower && at_start);
    if (c.value < 0) {
      out.append(view.substr(at, c.length), origin);
    } else if (upper && c.value == 0xDF) {
      out.append(to == LetterCase::kCapitalized ? "Ss" : "SS", origin);  // sharp s has no capital of its own
    } else {
      append_code_point(out, upper ? utf8proc_toupper(c.value) : utf8proc_tolower(c.value), origin);
    }
    at_start = to == LetterCase::kTitle && starts_title_word(c.value);
    at += c.length;
  }
  return out;
}

bool is_all(std::string_view text, LetterCase letter_case) {
  bool found = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    at += c.length;
    if (c.value < 0 || !is_cased(c.value)) continue;
    const bool is_upper = utf8proc_category(c.value) == UTF8PROC_CATEGORY_LU;
    if (is_upper != (letter_case == LetterCase::kUpper)) return false;
    found = true;
  }
  return found;
}

bool consists_of(std::string_view text, CharacterClass expected) {
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    if (c.value < 0 || !is_of(expected, c.value)) return false;
    at += c.length;
  }
  return !text.empty();
}

std::vector<MarkedText> split_whitespace(const MarkedText& text, int64_t limit, bool from_right) {
  std::vector<Range> words = words_of(text.view());
  // Words beyond the limit stay in one piece with the spaces between them: up to the last word's end from the
  // right, up to the text's end from the left, as in Python.
  if (limit >= 0 && words.size() > size_t(limit) + 1) {
    if (from_right) {
      const size_t joined = words.size() - size_t(limit);
      words[joined - 1].begin = 0;
      words.erase(words.begin(), words.begin() + ptrdiff_t(joined - 1));
    } else {
      words.resize(size_t(limit) + 1);
      words.back().end = text.size();
    }
  } else if (limit >= 0 && !words.empty() && words.size() == size_t(limit) + 1) {
    if (from_right) {
      words.front().begin = 0;
    } else {
      words.back().end = text.size();
    }
  }
  return pieces_of(text, words);
}

std::vector<MarkedText> split(const MarkedText& text, std::string_view separator, int64_t limit,
                              bool from_right) {
  std::vector<size_t> cuts;
  const size_t n_wanted = limit < 0 ? std::numeric_limits<size_t>::max() : size_t(limit);
  const std::string_view view = text.view();
  if (from_right) {
    // Matches from the right: search the reversed text.
    const std::string reversed(view.rbegin(), view.rend());
    const std::string wanted(separator.rbegin(), separator.rend());
    for (size_t at = 0; cuts.size() < n_wanted; at += wanted.size()) {
      at = find_text(reversed, wanted, at);
      if (at == kNoMatch) break;
      cuts.push_back(view.size() - at - wanted.size());
    }
    std::reverse(cuts.begin(), cuts.end());
  } else {
    for (size_t at = 0; cuts.size() < n_wanted; at += separator.size()) {
      at = find_text(view, separator, at);
      if (at == kNoMatch) break;
      cuts.push_back(at);
    }
  }
  std::vector<Range> ranges;
  size_t begin = 0;
  for (size_t cut : cuts) {
    ranges.push_back({begin, cut});
    begin = cut + separator.size();
  }
  ranges.push_back({begin, view.size()});
  return pieces_of(text, ranges);
}

std::vector<MarkedText> split_lines(const MarkedText& text) {
  const std::string_view view = text.view();
  std::vector<Range> lines;
  size_t begin = 0;
  for (size_t at = 0; at < view.size();) {
    const CodePoint c = code_point_at(view, at);
    const size_t end = at;
    at += c.length;
    if (!is_line_end(c.value)) continue;
    if (c.value == '\r' && at < view.size() && view[at] == '\n') ++at;
    lines.push_back({begin, end});
    begin = at;
  }
  if (begin < view.size()) lines.push_back({begin, view.size()});
  return pieces_of(text, lines);
}

}  // namespace dunlin::jinja
