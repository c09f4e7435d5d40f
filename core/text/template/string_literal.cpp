#include "core/text/template/string_literal.h"

#include <utf8proc.h>

#include <cstdint>

namespace dunlin::jinja {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = char(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The character of an escape of one letter; 0 if there is none.
char simple_escape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'a':
      return '\a';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'v':
      return '\v';
    case '\\':
    case '\'':
    case '"':
      return c;
    default:
      return '\0';
  }
}

void append_code_point(std::string& out, uint32_t c) {
  utf8proc_uint8_t bytes[4];
  const auto length = utf8proc_encode_char(utf8proc_int32_t(c), bytes);
  out.append(reinterpret_cast<const char*>(bytes), size_t(length));
}

class Unescaper {
 public:
  explicit Unescaper(std::string_view body) : body_(body) {}

  Result<std::string> run() {
    while (at_ < body_.size()) {
      if (body_[at_] != '\\' || at_ + 1 == body_.size()) {
        out_ += body_[at_++];
      } else {
        DUNLIN_RETURN_IF_ERROR(escape());
      }
    }
    return std::move(out_);
  }

 private:
  Status escape() {
    const char c = body_[at_ + 1];
    if (const char simple = simple_escape(c)) {
      out_ += simple;
      at_ += 2;
      return Status::ok();
    }
    if (c == '\n') {  // the line goes on
      at_ += 2;
      return Status::ok();
    }
    if (c >= '0' && c <= '7') return octal();
    if (c == 'x' || c == 'u' || c == 'U') return hexadecimal(c == 'x' ? 2 : c == 'u' ? 4 : 8);
    if (c == 'N') return Status::unsupported("characters by name (\\N) are not supported; use \\u");
    out_ += '\\';
    ++at_;
    return Status::ok();
  }

  Status octal() {
    uint32_t value = 0;
    size_t end = at_ + 1;
    for (; end < body_.size() && end < at_ + 4 && body_[end] >= '0' && body_[end] <= '7'; ++end) {
      value = value * 8 + uint32_t(body_[end] - '0');
    }
    append_code_point(out_, value);
    at_ = end;
    return Status::ok();
  }

  Status hexadecimal(size_t n_digits) {
    DUNLIN_ASSIGN_OR_RETURN(uint32_t value, read_hex(at_ + 2, n_digits));
    at_ += 2 + n_digits;
    const bool is_high = value >= 0xD800 && value < 0xDC00;
    if (is_high && body_.substr(at_, 2) == "\\u") {
      DUNLIN_ASSIGN_OR_RETURN(const uint32_t low, read_hex(at_ + 2, 4));
      if (low >= 0xDC00 && low < 0xE000) {
        value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
        at_ += 6;
      }
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
      return Status::corrupt("an escape names a number that is no character");
    }
    append_code_point(out_, value);
    return Status::ok();
  }

  Result<uint32_t> read_hex(size_t offset, size_t n_digits) const {
    uint32_t value = 0;
    for (size_t i = 0; i < n_digits; ++i) {
      const int digit = offset + i < body_.size() ? hex_digit(body_[offset + i]) : -1;
      if (digit < 0) return Status::corrupt("an escape needs ", n_digits, " hexadecimal digits");
      value = value * 16 + uint32_t(digit);
    }
    return value;
  }

  std::string_view body_;
  size_t at_ = 0;
  std::string out_;
};

}  // namespace

Result<std::string> unescape_string(std::string_view body) {
  return Unescaper(body).run();
}

}  // namespace dunlin::jinja
