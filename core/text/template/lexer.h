// The lexer: template source to tokens, with the whitespace rules that chat templates are written for:
// trim_blocks (the newline after a block or comment goes), lstrip_blocks (so does the blank start of its
// line), the `-` and
// `+` marks, and one final newline of the source dropped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace dunlin::jinja {

// Where something stands in the source; columns count bytes. Both start at 1.
struct Position {
  uint32_t line = 1;
  uint32_t column = 1;
};

// The message's place in front, as every error of this module shows it.
Status located(Position position, const Status& status);

enum class TokenKind : uint8_t {
  kText,           // outside of tags; text is what is to be printed
  kVariableBegin,  // {{
  kVariableEnd,
  kBlockBegin,  // {%
  kBlockEnd,
  kName,
  kString,  // text is the string's value, escapes done
  kInteger,
  kFloat,
  kOperator,  // text is the operator
  kEnd,
};

struct Token {
  TokenKind kind;
  std::string text;
  Position position;
};

// The last token is kEnd. Errors: kCorrupt with line:column, kResourceExhausted for a source above 1 MiB.
Result<std::vector<Token>> tokenize(std::string_view source);

}  // namespace dunlin::jinja
