#include "core/text/byte_alphabet.h"

#include <array>

#include "core/text/utf8.h"

namespace dunlin {
namespace {

constexpr char32_t kFirstShiftedLetter = 0x100;
constexpr size_t kShiftedBytes = 68;
constexpr size_t kLetters = kFirstShiftedLetter + kShiftedBytes;

constexpr bool spells_itself(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<char32_t, 256> letter{};
  std::array<int16_t, kLetters> byte{};  // -1: spells no byte
};

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  for (int16_t& byte : alphabet.byte) byte = -1;
  char32_t next = kFirstShiftedLetter;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const char32_t letter = spells_itself(byte) ? char32_t(byte) : next++;
    alphabet.letter[byte] = letter;
    alphabet.byte[letter] = int16_t(byte);
  }
  return alphabet;
}
constexpr Alphabet kAlphabet = make_alphabet();
static_assert(kAlphabet.letter[' '] == 0x120 && kAlphabet.letter[0xAD] == kLetters - 1);

}  // namespace

char32_t letter_of_byte(uint8_t byte) {
  return kAlphabet.letter[byte];
}

bool append_spelled_bytes(std::string_view text, std::string& out) {
  const size_t old_size = out.size();
  while (!text.empty()) {
    const Utf8Character character = decode_utf8(text);
    const bool known = character.code_point < kLetters && kAlphabet.byte[character.code_point] >= 0;
    if (!known) {
      out.resize(old_size);
      return false;
    }
    out += char(kAlphabet.byte[character.code_point]);
    text.remove_prefix(character.bytes);
  }
  return true;
}

void append_spelling(std::string_view bytes, std::string& out) {
  for (const char byte : bytes) append_utf8(out, kAlphabet.letter[uint8_t(byte)]);
}

}  // namespace dunlin
