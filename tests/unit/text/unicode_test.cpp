#include "core/text/unicode.h"

#include <catch2/catch.hpp>

#include "core/text/byte_alphabet.h"
#include "core/text/utf8.h"

namespace dunlin {

TEST_CASE("classes of code points") {
  CHECK(class_of('a') == kClassLetter);
  CHECK(class_of(U'\u01C5') == kClassLetter);  // title case
  CHECK(class_of(U'\u02B0') == kClassLetter);  // modifier
  CHECK(class_of(U'\u6211') == kClassLetter);
  CHECK(class_of('7') == kClassNumber);
  CHECK(class_of(U'\u00BD') == kClassNumber);
  CHECK(class_of(U'\u2167') == kClassNumber);  // a Roman numeral
  for (const char32_t space : {U' ', U'\t', U'\v', U'\u0085', U'\u00A0', U'\u1680', U'\u2028', U'\u3000'}) {
    CHECK(class_of(space) == kClassSpace);
  }
  CHECK(class_of(U'\u200B') == kClassOther);  // zero width space has no White_Space
  CHECK(class_of(U'\u180E') == kClassOther);
  CHECK(class_of(U'\u0301') == kClassOther);  // combining marks are no letters
  CHECK(class_of(U'\u093E') == kClassOther);
  CHECK(class_of('!') == kClassPunctuation);
  CHECK(class_of('_') == kClassPunctuation);
  CHECK(class_of('$') == kClassOther);
  CHECK(class_of(U'\uFF1F') == kClassPunctuation);
  CHECK(class_of(0) == kClassOther);
  CHECK(class_of(0x10FFFF) == kClassOther);
}

TEST_CASE("NFC") {
  CHECK(to_nfc("a\xCC\x88") == "\xC3\xA4");
  CHECK(to_nfc("\xE1\x84\x80\xE1\x85\xA1\xE1\x86\xA8") == "\xEA\xB0\x81");  // Hangul jamo
  CHECK(to_nfc("q\xCC\x87\xCC\xA3") == "q\xCC\xA3\xCC\x87");                // marks in canonical order
  CHECK(to_nfc("\xE2\x84\xA6") == "\xCE\xA9");                              // Ohm sign
  CHECK(to_nfc("\xEF\xAC\x81") == "\xEF\xAC\x81");                          // a ligature stays
  CHECK(to_nfc("\xE0\xA5\x98") == "\xE0\xA4\x95\xE0\xA4\xBC");              // a composition exclusion
  CHECK(to_nfc("plain") == "plain");
  CHECK(to_nfc("").empty());
  CHECK_FALSE(may_need_nfc("plain \xC3\xA4"));
  CHECK(may_need_nfc("a\xCC\x88"));
}

TEST_CASE("UTF-8 is checked as RFC 3629 says") {
  CHECK(is_valid_utf8("12345678 \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x81"));
  for (const char* bad :
       {"\x80", "\xC0\x80", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF"}) {
    CHECK_FALSE(is_valid_utf8(bad));
  }
  CHECK(replace_invalid_utf8("a\xFF\xC3\xA4") == "a\xEF\xBF\xBD\xC3\xA4");
}

TEST_CASE("every code point survives encoding and decoding") {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, c);
    const Utf8Character character = decode_utf8(text);
    if (character.code_point != c || character.bytes != text.size()) FAIL("U+" << std::hex << uint32_t(c));
  }
}

TEST_CASE("the byte alphabet spells every byte") {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += char(byte);
  std::string spelled;
  append_spelling(bytes, spelled);
  std::string back;
  CHECK(append_spelled_bytes(spelled, back));
  CHECK(back == bytes);
  CHECK(letter_of_byte(' ') == 0x120);
  CHECK(letter_of_byte('\n') == 0x10A);
  CHECK(letter_of_byte('a') == 'a');

  std::string unchanged = "x";
  CHECK_FALSE(append_spelled_bytes("a b", unchanged));
  CHECK_FALSE(append_spelled_bytes("a\xE2\x82\xAC", unchanged));
  CHECK(unchanged == "x");
}

}  // namespace dunlin
