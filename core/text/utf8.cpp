#include "core/text/utf8.h"

#include <cstring>

namespace dunlin {
namespace {

struct LeadByte {
  uint32_t bytes = 0;         // 0: not a lead byte
  uint8_t second_min = 0x80;  // excludes overlong forms, surrogates and what lies above U+10FFFF
  uint8_t second_max = 0xBF;
  uint8_t bits = 0;  // of the code point that the lead byte carries
};

LeadByte classify_lead(uint8_t byte) {
  if (byte < 0xC2) return {};
  if (byte < 0xE0) return {2, 0x80, 0xBF, uint8_t(byte & 0x1F)};
  if (byte < 0xF0) {
    return {3, uint8_t(byte == 0xE0 ? 0xA0 : 0x80), uint8_t(byte == 0xED ? 0x9F : 0xBF),
            uint8_t(byte & 0x0F)};
  }
  if (byte < 0xF5) {
    return {4, uint8_t(byte == 0xF0 ? 0x90 : 0x80), uint8_t(byte == 0xF4 ? 0x8F : 0xBF),
            uint8_t(byte & 0x07)};
  }
  return {};
}

size_t ascii_prefix(std::string_view text) {
  size_t at = 0;
  for (; at + sizeof(uint64_t) <= text.size(); at += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + at, sizeof word);
    if (word & 0x8080808080808080u) break;
  }
  while (at < text.size() && uint8_t(text[at]) < 0x80) ++at;
  return at;
}

}  // namespace

Utf8Character decode_utf8(std::string_view text) {
  const uint8_t first = uint8_t(text[0]);
  if (first < 0x80) return {first, 1, Utf8State::kValid};
  const LeadByte lead = classify_lead(first);
  if (lead.bytes == 0) return {};
  char32_t code_point = lead.bits;
  for (uint32_t i = 1; i < lead.bytes; ++i) {
    if (i >= text.size()) return {kReplacementCharacter, 1, Utf8State::kIncomplete};
    const uint8_t byte = uint8_t(text[i]);
    const uint8_t low = i == 1 ? lead.second_min : 0x80;
    const uint8_t high = i == 1 ? lead.second_max : 0xBF;
    if (byte < low || byte > high) return {};
    code_point = (code_point << 6) | (byte & 0x3F);
  }
  return {code_point, lead.bytes, Utf8State::kValid};
}

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    text.remove_prefix(ascii_prefix(text));
    if (text.empty()) break;
    const Utf8Character character = decode_utf8(text);
    if (character.state != Utf8State::kValid) return false;
    text.remove_prefix(character.bytes);
  }
  return true;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Character character = decode_utf8(text);
    if (character.state == Utf8State::kValid) {
      out.append(text.substr(0, character.bytes));
    } else {
      append_utf8(out, kReplacementCharacter);
    }
    text.remove_prefix(character.bytes);
  }
  return out;
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto continuation = [code_point](int shift) { return char(0x80 | ((code_point >> shift) & 0x3F)); };
  if (code_point < 0x80) {
    out += char(code_point);
  } else if (code_point < 0x800) {
    out += char(0xC0 | (code_point >> 6));
    out += continuation(0);
  } else if (code_point < 0x10000) {
    out += char(0xE0 | (code_point >> 12));
    out += continuation(6);
    out += continuation(0);
  } else {
    out += char(0xF0 | (code_point >> 18));
    out += continuation(12);
    out += continuation(6);
    out += continuation(0);
  }
}

void Utf8Stream::push(std::string_view bytes, std::string& out) {
  std::string joined;
  if (!held_.empty()) {
    joined = held_;
    joined += bytes;
    held_.clear();
    bytes = joined;
  }
  while (!bytes.empty()) {
    const size_t ascii = ascii_prefix(bytes);
    out.append(bytes.substr(0, ascii));
    bytes.remove_prefix(ascii);
    if (bytes.empty()) return;
    const Utf8Character character = decode_utf8(bytes);
    if (character.state == Utf8State::kIncomplete) {
      held_ = bytes;
      return;
    }
    append_utf8(out, character.code_point);
    bytes.remove_prefix(character.bytes);
  }
}

void Utf8Stream::flush(std::string& out) {
  for (size_t i = 0; i < held_.size(); ++i) append_utf8(out, kReplacementCharacter);
  held_.clear();
}

}  // namespace dunlin
