// The alphabet in which byte-level BPE spells bytes: printable Latin-1 bytes are themselves, the other 68 are
// U+0100, U+0101, ... in rising order (so a space is U+0120). Source: GPT-2's encoder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dunlin {

char32_t letter_of_byte(uint8_t byte);

// Appends the bytes that text spells; false (and out is unchanged) if it has letters that spell no byte.
bool append_spelled_bytes(std::string_view text, std::string& out);

// The inverse: appends the spelling of bytes.
void append_spelling(std::string_view bytes, std::string& out);

}  // namespace dunlin
