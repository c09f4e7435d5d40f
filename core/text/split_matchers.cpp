#include "core/text/split_matchers.h"

#include "core/text/unicode.h"

namespace dunlin {
namespace {

constexpr uint8_t kSpaceLetterNumber = kClassSpace | kClassLetter | kClassNumber;

bool is_newline(char32_t c) {
  return c == '\r' || c == '\n';
}

char32_t ascii_lower(char32_t c) {
  return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

bool is_in(const CodePointSpan& t, size_t at, uint8_t classes) {
  return at < t.size && (t.classes[at] & classes) != 0;
}

// Neither space, letter nor number.
bool is_symbol(const CodePointSpan& t, size_t at) {
  return at < t.size && (t.classes[at] & kSpaceLetterNumber) == 0;
}

size_t end_of_run(const CodePointSpan& t, size_t at, uint8_t classes) {
  while (is_in(t, at, classes)) ++at;
  return at;
}

size_t end_of_symbols(const CodePointSpan& t, size_t at) {
  while (is_symbol(t, at)) ++at;
  return at;
}

// 's 't 're 've 'm 'll 'd
size_t match_contraction(const CodePointSpan& t, size_t at, bool any_case) {
  if (t.code_points[at] != '\'' || at + 1 >= t.size) return 0;
  const auto letter = [&](size_t i) {
    return any_case ? ascii_lower(t.code_points[at + i]) : t.code_points[at + i];
  };
  const char32_t first = letter(1);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if (at + 2 >= t.size) return 0;
  const char32_t second = letter(2);
  const bool is_pair =
      (first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l');
  return is_pair ? 3 : 0;
}

// \s+(?!\S)|\s+ : a run before other text leaves its last space to that text.
size_t match_spaces(const CodePointSpan& t, size_t at) {
  const size_t end = end_of_run(t, at, kClassSpace);
  const size_t n = end - at;
  return end == t.size || n <= 1 ? n : n - 1;
}

size_t match_gpt2(const CodePointSpan& t, size_t at) {
  if (const size_t n = match_contraction(t, at, /*any_case=*/false)) return n;
  const size_t begin = t.code_points[at] == ' ' ? at + 1 : at;
  if (is_in(t, begin, kClassLetter)) return end_of_run(t, begin, kClassLetter) - at;
  if (is_in(t, begin, kClassNumber)) return end_of_run(t, begin, kClassNumber) - at;
  if (is_symbol(t, begin)) return end_of_symbols(t, begin) - at;
  return match_spaces(t, at);
}

// \s*[\r\n]+ : through the last line break of the run.
size_t match_line_breaks(const CodePointSpan& t, size_t at) {
  size_t end = at;
  for (size_t i = at; is_in(t, i, kClassSpace); ++i) {
    if (is_newline(t.code_points[i])) end = i + 1;
  }
  return end - at;
}

size_t match_llama3(const CodePointSpan& t, size_t at, size_t max_digits) {
  if (const size_t n = match_contraction(t, at, /*any_case=*/true)) return n;
  if (is_in(t, at, kClassLetter)) return end_of_run(t, at, kClassLetter) - at;
  if (is_in(t, at, kClassNumber)) {
    size_t n = 1;
    while (n < max_digits && is_in(t, at + n, kClassNumber)) ++n;
    return n;
  }
  if (!is_newline(t.code_points[at]) && is_in(t, at + 1, kClassLetter)) {
    return end_of_run(t, at + 1, kClassLetter) - at;
  }
  const size_t begin = t.code_points[at] == ' ' ? at + 1 : at;
  if (is_symbol(t, begin)) {
    size_t end = end_of_symbols(t, begin);
    while (end < t.size && is_newline(t.code_points[end])) ++end;
    return end - at;
  }
  if (const size_t n = match_line_breaks(t, at)) return n;
  return match_spaces(t, at);
}

// \s?X+ for a class X.
size_t match_after_space(const CodePointSpan& t, size_t at, uint8_t classes) {
  const size_t begin = is_in(t, at, kClassSpace) ? at + 1 : at;
  return is_in(t, begin, classes) ? end_of_run(t, begin, classes) - at : 0;
}

bool is_deepseek_cjk(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FA5) || (c >= 0x0800 && c <= 0x4E00) || (c >= 0xAC00 && c <= 0xD7FF);
}

bool is_punctuation(const CodePointSpan& t, size_t at) {
  if (is_in(t, at, kClassPunctuation)) return true;
  if (at >= t.size) return false;
  switch (t.code_points[at]) {
    case '$':
    case '+':
    case '<':
    case '=':
    case '>':
    case '^':
    case '~':
    case '|':
    case '`':
      return true;
    default:
      return false;
  }
}

bool is_ascii_digit(const CodePointSpan& t, size_t at) {
  return at < t.size && t.code_points[at] >= '0' && t.code_points[at] <= '9';
}

}  // namespace

size_t match_split_rule(SplitRule rule, const CodePointSpan& t, size_t at) {
  size_t end = at;
  switch (rule) {
    case SplitRule::kGpt2:
      return match_gpt2(t, at);
    case SplitRule::kLlama3:
      return match_llama3(t, at, 3);
    case SplitRule::kQwen2:
      return match_llama3(t, at, 1);
    case SplitRule::kNumber:
      return is_in(t, at, kClassNumber) ? 1 : 0;
    case SplitRule::kNumberRun:
      return end_of_run(t, at, kClassNumber) - at;
    case SplitRule::kNewline:
      return is_newline(t.code_points[at]) ? 1 : 0;
    case SplitRule::kSpaceLetters:
      return match_after_space(t, at, kClassLetter);
    case SplitRule::kSpacePunctuation:
      return match_after_space(t, at, kClassPunctuation);
    case SplitRule::kDeepseekCjk:
      while (end < t.size && is_deepseek_cjk(t.code_points[end])) ++end;
      return end - at;
    case SplitRule::kPunctuation:
      return is_punctuation(t, at) ? 1 : 0;
    case SplitRule::kPunctuationRun:
      while (is_punctuation(t, end)) ++end;
      return end - at;
    case SplitRule::kThreeDigits:
      return is_ascii_digit(t, at) && is_ascii_digit(t, at + 1) && is_ascii_digit(t, at + 2) ? 3 : 0;
    case SplitRule::kRegex:
      break;
  }
  return 0;
}

}  // namespace dunlin
