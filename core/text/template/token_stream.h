// TokenStream: the parsers' place in the tokens, with the nesting they are in.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/text/template/lexer.h"

namespace dunlin::jinja {

// Statements and expressions together.
inline constexpr int kMaxSourceNesting = 64;

class TokenStream {
 public:
  // tokens must end with kEnd.
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Position position() const { return current().position; }

  bool is(TokenKind kind) const { return current().kind == kind; }
  bool is_operator(std::string_view text) const { return is(TokenKind::kOperator) && current().text == text; }
  bool is_name(std::string_view text) const { return is(TokenKind::kName) && current().text == text; }

  // The current token, and on to the next; stays at kEnd.
  Token take() {
    Token token = current();
    skip();
    return token;
  }
  void skip() {
    if (at_ + 1 < tokens_.size()) ++at_;
  }
  bool skip_operator(std::string_view text) {
    const bool found = is_operator(text);
    if (found) skip();
    return found;
  }
  bool skip_name(std::string_view text) {
    const bool found = is_name(text);
    if (found) skip();
    return found;
  }

  Status expect_operator(std::string_view text) {
    if (skip_operator(text)) return Status::ok();
    return unexpected(str_cat("'", text, "'"));
  }
  Result<std::string> expect_name(std::string_view what) {
    if (!is(TokenKind::kName)) return unexpected(what);
    return take().text;
  }

  template <typename... P>
  Status error(Position position, const P&... parts) const {
    return located(position, Status::corrupt(parts...));
  }
  // "expected X, found Y" at the current token.
  Status unexpected(std::string_view expected) const {
    return error(position(), "expected ", expected, ", found ", description());
  }

  // Held while the parser is one level deeper.
  class Nesting {
   public:
    explicit Nesting(TokenStream& stream) : stream_(stream) { ++stream_.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    ~Nesting() { --stream_.nesting_; }
    Status status() const {
      if (stream_.nesting_ <= kMaxSourceNesting) return Status::ok();
      return located(stream_.position(),
                     Status::exhausted("nested deeper than ", kMaxSourceNesting, " levels"));
    }

   private:
    TokenStream& stream_;
  };

 private:
  std::string description() const {
    switch (current().kind) {
      case TokenKind::kText:
        return "text";
      case TokenKind::kVariableBegin:
        return "'{{'";
      case TokenKind::kVariableEnd:
        return "'}}'";
      case TokenKind::kBlockBegin:
        return "'{%'";
      case TokenKind::kBlockEnd:
        return "'%}'";
      case TokenKind::kString:
        return "a string";
      case TokenKind::kEnd:
        return "the end of the template";
      default:
        return str_cat("'", std::string_view(current().text).substr(0, 40), "'");
    }
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace dunlin::jinja
