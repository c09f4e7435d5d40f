// The expression grammar of templates, by recursive descent.
#pragma once

#include <vector>

#include "core/base/status.h"
#include "core/text/template/ast.h"
#include "core/text/template/token_stream.h"

namespace dunlin::jinja {

// Borrows the stream.
class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& stream) : stream_(stream) {}

  // An expression with the inline `if`.
  Result<ExpressionPtr> parse();
  // One without it: what a `for` loops over, whose `if` is a filter.
  Result<ExpressionPtr> parse_unconditional() { return parse_logical(false); }
  // Like parse, but `a, b` makes a tuple.
  Result<ExpressionPtr> parse_tuple();
  Result<ExpressionPtr> parse_unconditional_tuple();
  // `name(args) | name ...` after `filter` or `|`.
  Result<std::vector<Suffix>> parse_filters();
  // A name, `name.attribute` if allowed, or a tuple of such.
  Result<Target> parse_target(bool allow_attribute);

 private:
  using Parse = Result<ExpressionPtr> (ExpressionParser::*)();

  Result<ExpressionPtr> parse_tuple_of(Parse parse_item);
  Result<ExpressionPtr> parse_logical(bool is_and);
  Result<ExpressionPtr> parse_not();
  Result<ExpressionPtr> parse_comparison();
  Result<ExpressionPtr> parse_arithmetic(int level);
  Result<ExpressionPtr> parse_unary() { return parse_signed(true); }
  Result<ExpressionPtr> parse_signed(bool with_filters);
  Result<ExpressionPtr> parse_primary();
  Result<ExpressionPtr> parse_name();
  Result<ExpressionPtr> parse_integer();
  Result<ExpressionPtr> parse_float();
  Result<ExpressionPtr> parse_strings();
  Result<ExpressionPtr> parse_parenthesized();
  Result<ExpressionPtr> parse_list();
  Result<ExpressionPtr> parse_dict();

  Result<ExpressionPtr> with_suffixes(ExpressionPtr base, bool with_filters);
  Result<Suffix> parse_member();
  Result<Suffix> parse_subscript();
  Result<Suffix> parse_filter();
  Result<Suffix> parse_test();
  Result<std::vector<Argument>> parse_arguments();
  Result<std::string> parse_dotted_name(std::string_view what);
  Result<Target> parse_single_target(bool allow_attribute);

  TokenStream& stream_;
};

}  // namespace dunlin::jinja
