#include "core/text/template/lexer.h"

#include <array>

#include "core/text/template/string_literal.h"

namespace dunlin::jinja {
namespace {

constexpr size_t kMaxSourceBytes = size_t(1) << 20;
constexpr size_t kNone = std::string_view::npos;

// Longest first, so that the first match is the right one.
constexpr std::array<std::string_view, 26> kOperators = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "*",
                                                         "/",  "%",  "~",  "(",  ")",  "[",  "]", "{", "}",
                                                         "<",  ">",  "=",  ".",  ":",  "|",  ",", ";"};

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
bool is_name_part(char c) {
  return is_name_start(c) || is_digit(c);
}

// All line ends become \n, and a final one is dropped.
std::string normalized(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  Result<std::vector<Token>> run() {
    while (at_ < source_.size()) DUNLIN_RETURN_IF_ERROR(next_tag());
    add(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  enum class Tag { kVariable, kBlock, kComment };

  // --- positions ---

  std::string_view view() const { return source_; }
  bool starts_with(std::string_view text) const { return view().substr(at_, text.size()) == text; }

  // Moves at_ and keeps the line and column of it.
  void advance_to(size_t end) {
    for (; at_ < end; ++at_) {
      if (source_[at_] == '\n') {
        ++position_.line;
        position_.column = 1;
      } else {
        ++position_.column;
      }
    }
  }
  void advance(size_t count) { advance_to(at_ + count); }

  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), position_}); }
  void add_text(std::string_view text, Position position) {
    if (!text.empty()) tokens_.push_back({TokenKind::kText, std::string(text), position});
  }

  template <typename... P>
  Status error(Position position, const P&... parts) const {
    return located(position, Status::corrupt(parts...));
  }

  // --- text between tags ---

  // Consumes the text up to the next tag, and that tag.
  Status next_tag() {
    size_t begin = view().find('{', at_);
    while (begin != kNone && begin + 1 < source_.size() && source_[begin + 1] != '{' &&
           source_[begin + 1] != '%' && source_[begin + 1] != '#') {
      begin = view().find('{', begin + 1);
    }
    if (begin == kNone || begin + 1 >= source_.size()) {
      add_text(view().substr(at_), position_);
      advance_to(source_.size());
      return Status::ok();
    }
    const char sign = source_[begin + 1];
    const Tag tag = sign == '{' ? Tag::kVariable : sign == '%' ? Tag::kBlock : Tag::kComment;
    const char mark = begin + 2 < source_.size() ? source_[begin + 2] : '\0';
    add_text(text_before(begin, tag, mark), position_);
    advance_to(begin);
    const Position tag_position = position_;
    const bool has_mark = mark == '-' || (mark == '+' && tag != Tag::kVariable);
    if (tag == Tag::kComment) return comment(tag_position);
    if (tag == Tag::kBlock && is_raw_tag(has_mark)) return raw_block(tag_position);
    add(tag == Tag::kBlock ? TokenKind::kBlockBegin : TokenKind::kVariableBegin, "");
    advance(has_mark ? 3 : 2);
    return inside_tag(tag, tag_position);
  }

  // The text from at_ to the tag at begin, less what the tag's whitespace rules take.
  std::string_view text_before(size_t begin, Tag tag, char mark) const {
    std::string_view text = view().substr(at_, begin - at_);
    if (mark == '-') {
      while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
      return text;
    }
    if (mark == '+' || tag == Tag::kVariable) return text;
    size_t line_start = text.size();
    while (line_start > 0 && text[line_start - 1] != '\n') {
      if (!is_blank(text[line_start - 1])) return text;
      --line_start;
    }
    const bool starts_line = line_start > 0 || at_ == 0 || source_[at_ - 1] == '\n';
    return starts_line ? text.substr(0, line_start) : text;
  }

  // After the end of a tag: `-` takes all whitespace, a block or comment without `+` one newline.
  void skip_after_tag(char mark, bool trims_newline) {
    if (mark == '-') {
      while (at_ < source_.size() && is_blank(source_[at_])) advance(1);
    } else if (mark != '+' && trims_newline && at_ < source_.size() && source_[at_] == '\n') {
      advance(1);
    }
  }

  Status comment(Position begin) {
    const size_t end = view().find("#}", at_ + 2);
    if (end == kNone) return error(begin, "this comment is not closed; expected '#}'");
    const char mark = end > at_ + 2 ? source_[end - 1] : '\0';
    advance_to(end + 2);
    skip_after_tag(mark, true);
    return Status::ok();
  }

  // --- raw blocks ---

  bool is_raw_tag(bool has_mark) const { return end_of_tag(at_ + (has_mark ? 3 : 2), "raw").end != kNone; }

  struct TagEnd {
    size_t end = kNone;  // behind the tag
    char mark = '\0';
  };
  // Reads `name %}` with its blanks and mark from offset on.
  TagEnd end_of_tag(size_t offset, std::string_view name) const {
    while (offset < source_.size() && is_blank(source_[offset])) ++offset;
    if (view().substr(offset, name.size()) != name) return {};
    offset += name.size();
    while (offset < source_.size() && is_blank(source_[offset])) ++offset;
    TagEnd out;
    if (offset < source_.size() && (source_[offset] == '-' || source_[offset] == '+')) {
      out.mark = source_[offset++];
    }
    if (view().substr(offset, 2) == "%}") out.end = offset + 2;
    return out;
  }

  Status raw_block(Position begin) {
    const bool has_mark = source_[at_ + 2] == '-' || source_[at_ + 2] == '+';
    const TagEnd opening = end_of_tag(at_ + (has_mark ? 3 : 2), "raw");
    advance_to(opening.end);
    skip_after_tag(opening.mark, false);
    for (size_t tag = view().find("{%", at_); tag != kNone; tag = view().find("{%", tag + 2)) {
      const char mark = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
      const TagEnd closing = end_of_tag(tag + (mark == '-' || mark == '+' ? 3 : 2), "endraw");
      if (closing.end == kNone) continue;
      add_text(text_before(tag, Tag::kBlock, mark), position_);
      advance_to(closing.end);
      skip_after_tag(closing.mark, true);
      return Status::ok();
    }
    return error(begin, "this raw block is not closed; expected '{% endraw %}'");
  }

  // --- inside a tag ---

  Status inside_tag(Tag tag, Position begin) {
    const std::string_view closing = tag == Tag::kBlock ? "%}" : "}}";
    brackets_.clear();
    while (at_ < source_.size()) {
      if (is_blank(source_[at_])) {
        advance(1);
      } else if (brackets_.empty() && at_tag_end(tag, closing)) {
        return Status::ok();
      } else {
        DUNLIN_RETURN_IF_ERROR(token());
      }
    }
    return error(begin, "this tag is not closed; expected '", closing, "'");
  }

  bool at_tag_end(Tag tag, std::string_view closing) {
    char mark = source_[at_];
    if (mark != '-' && (mark != '+' || tag == Tag::kVariable)) mark = '\0';
    const size_t offset = at_ + (mark ? 1 : 0);
    if (view().substr(offset, 2) != closing) return false;
    add(tag == Tag::kBlock ? TokenKind::kBlockEnd : TokenKind::kVariableEnd, "");
    advance_to(offset + 2);
    skip_after_tag(mark, tag == Tag::kBlock);
    return true;
  }

  Status token() {
    const char c = source_[at_];
    if (c == '"' || c == '\'') return string_token(c);
    if (is_digit(c)) return number_token();
    if (is_name_start(c)) {
      size_t end = at_;
      while (end < source_.size() && is_name_part(source_[end])) ++end;
      add(TokenKind::kName, source_.substr(at_, end - at_));
      advance_to(end);
      return Status::ok();
    }
    for (std::string_view symbol : kOperators) {
      if (starts_with(symbol)) return operator_token(symbol);
    }
    return error(position_, "unexpected character '", printable(c), "'");
  }

  static std::string printable(char c) {
    return c >= 0x20 && c < 0x7F ? std::string(1, c) : str_cat("byte ", int(static_cast<unsigned char>(c)));
  }

  Status operator_token(std::string_view symbol) {
    const char c = symbol[0];
    if (c == '(' || c == '[' || c == '{') {
      brackets_ += c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (c == ')' || c == ']' || c == '}') {
      if (brackets_.empty()) return error(position_, "'", c, "' without its opening bracket");
      if (brackets_.back() != c)
        return error(position_, "unexpected '", c, "', expected '", brackets_.back(), "'");
      brackets_.pop_back();
    }
    add(TokenKind::kOperator, std::string(symbol));
    advance(symbol.size());
    return Status::ok();
  }

  Status string_token(char quote) {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) return error(position_, "this string is not closed; expected ", quote);
    auto value = unescape_string(view().substr(at_ + 1, end - at_ - 1));
    if (!value.is_ok()) return located(position_, value.status());
    add(TokenKind::kString, std::move(*value));
    advance_to(end + 1);
    return Status::ok();
  }

  size_t digits_end(size_t offset) const {
    while (offset < source_.size() && (is_digit(source_[offset]) || source_[offset] == '_')) ++offset;
    return offset;
  }

  // Token text without the underscores.
  void add_number(TokenKind kind, size_t end) {
    std::string text;
    for (size_t i = at_; i < end; ++i) {
      if (source_[i] != '_') text += source_[i];
    }
    add(kind, std::move(text));
    advance_to(end);
  }

  Status number_token() {
    const char next = at_ + 1 < source_.size() ? char(source_[at_ + 1] | 0x20) : '\0';
    if (source_[at_] == '0' && (next == 'x' || next == 'o' || next == 'b')) {
      size_t end = at_ + 2;
      while (end < source_.size() && is_name_part(source_[end])) ++end;
      add_number(TokenKind::kInteger, end);
      return Status::ok();
    }
    size_t end = digits_end(at_);
    bool is_float = false;
    // After a dot digits are a member's number, as in `items.0.1`.
    const bool after_dot =
        !tokens_.empty() && tokens_.back().kind == TokenKind::kOperator && tokens_.back().text == ".";
    if (!after_dot && end + 1 < source_.size() && source_[end] == '.' && is_digit(source_[end + 1])) {
      is_float = true;
      end = digits_end(end + 1);
    }
    if (end < source_.size() && (source_[end] | 0x20) == 'e') {
      size_t exponent = end + 1;
      if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-')) ++exponent;
      if (exponent < source_.size() && is_digit(source_[exponent])) {
        is_float = true;
        end = digits_end(exponent);
      }
    }
    add_number(is_float ? TokenKind::kFloat : TokenKind::kInteger, end);
    return Status::ok();
  }

  std::string source_;
  size_t at_ = 0;
  Position position_;
  std::string brackets_;  // the closing brackets that are still to come
  std::vector<Token> tokens_;
};

}  // namespace

Status located(Position position, const Status& status) {
  return status.with_context(str_cat("chat template:", position.line, ':', position.column));
}

Result<std::vector<Token>> tokenize(std::string_view source) {
  if (source.size() > kMaxSourceBytes) {
    return Status::exhausted("chat template: ", source.size(), " bytes, at most ", kMaxSourceBytes,
                             " are read");
  }
  return Lexer(normalized(source)).run();
}

}  // namespace dunlin::jinja
