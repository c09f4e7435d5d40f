#include "core/text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/base/check.h"
#include "core/text/utf8.h"

namespace dunlin {
namespace {

constexpr bool has_white_space_property(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

// Written out, so that the most frequent code points cost one load and no call.
constexpr std::array<CodePointClass, 128> make_ascii_classes() {
  std::array<CodePointClass, 128> classes{};
  for (char32_t c = 0; c < 128; ++c) {
    if (has_white_space_property(c)) classes[c] = kClassSpace;
    if (c >= '0' && c <= '9') classes[c] = kClassNumber;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) classes[c] = kClassLetter;
  }
  for (const char c : std::string_view("!\"#%&'()*,-./:;?@[\\]_{}")) classes[uint8_t(c)] = kClassPunctuation;
  return classes;
}
constexpr auto kAsciiClasses = make_ascii_classes();

// Every code point below is its own NFC, and none of them combines with what stands before it.
constexpr char32_t kFirstCombining = 0x300;

// UTF8PROC_COMPOSE makes utf8proc decompose first; canonical mappings only.
constexpr auto kNfcOptions = utf8proc_option_t(UTF8PROC_STABLE | UTF8PROC_COMPOSE);

uint16_t combining_class(utf8proc_int32_t c) {
  return utf8proc_get_property(c)->combining_class;
}

std::vector<utf8proc_int32_t> decompose(std::string_view text) {
  constexpr size_t kLongestDecomposition = 32;  // Unicode 15's longest canonical one has 4 code points
  std::vector<utf8proc_int32_t> out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Character character = decode_utf8(text);
    text.remove_prefix(character.bytes);
    utf8proc_int32_t parts[kLongestDecomposition];
    const auto n = utf8proc_decompose_char(utf8proc_int32_t(character.code_point), parts,
                                           kLongestDecomposition, kNfcOptions, nullptr);
    DUNLIN_CHECK(n >= 0 && size_t(n) <= kLongestDecomposition);
    out.insert(out.end(), parts, parts + n);
  }
  return out;
}

// Canonical ordering. utf8proc's own sort is quadratic in a run of marks, which a text could make as long as
// it is.
void order_marks(std::vector<utf8proc_int32_t>& text) {
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin;
    while (end < text.size() && combining_class(text[end]) != 0) ++end;
    if (end - begin > 1) {
      std::stable_sort(text.begin() + ptrdiff_t(begin), text.begin() + ptrdiff_t(end),
                       [](auto a, auto b) { return combining_class(a) < combining_class(b); });
    }
    begin = end + 1;
  }
}

}  // namespace

CodePointClass class_of(char32_t code_point) {
  if (code_point < 128) return kAsciiClasses[code_point];
  if (has_white_space_property(code_point)) return kClassSpace;
  switch (utf8proc_category(utf8proc_int32_t(code_point))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return kClassLetter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return kClassNumber;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
      return kClassPunctuation;
    default:
      return kClassOther;
  }
}

bool may_need_nfc(std::string_view valid_utf8) {
  constexpr uint8_t kLeadOfFirstCombining = 0xCC;  // U+0300 is CC 80
  static_assert(kFirstCombining == ((kLeadOfFirstCombining & 0x1F) << 6));
  return std::any_of(valid_utf8.begin(), valid_utf8.end(),
                     [](char c) { return uint8_t(c) >= kLeadOfFirstCombining; });
}

std::string to_nfc(std::string_view valid_utf8) {
  std::vector<utf8proc_int32_t> text = decompose(valid_utf8);
  order_marks(text);
  const auto n = utf8proc_normalize_utf32(text.data(), utf8proc_ssize_t(text.size()), kNfcOptions);
  DUNLIN_CHECK(n >= 0);
  std::string out;
  out.reserve(valid_utf8.size());
  for (utf8proc_ssize_t i = 0; i < n; ++i) append_utf8(out, char32_t(text[size_t(i)]));
  return out;
}

}  // namespace dunlin
