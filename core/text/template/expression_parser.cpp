#include "core/text/template/expression_parser.h"

#include <charconv>
#include <optional>

namespace dunlin::jinja {
namespace {

template <typename Node>
ExpressionPtr make(Position position, Node node) {
  return std::make_unique<Expression>(Expression{position, std::move(node)});
}

// The operators of each level, the loosest first.
constexpr int kAdditive = 0;
constexpr int kConcatenating = 1;
constexpr int kMultiplicative = 2;
constexpr int kExponential = 3;
constexpr int kArithmeticLevels = 4;

std::optional<BinaryOp> binary_op(const Token& token, int level) {
  if (token.kind != TokenKind::kOperator) return std::nullopt;
  const std::string& text = token.text;
  switch (level) {
    case kAdditive:
      if (text == "+") return BinaryOp::kAdd;
      if (text == "-") return BinaryOp::kSubtract;
      break;
    case kConcatenating:
      if (text == "~") return BinaryOp::kConcat;
      break;
    case kMultiplicative:
      if (text == "*") return BinaryOp::kMultiply;
      if (text == "/") return BinaryOp::kDivide;
      if (text == "//") return BinaryOp::kFloorDivide;
      if (text == "%") return BinaryOp::kModulo;
      break;
    case kExponential:
      if (text == "**") return BinaryOp::kPower;
      break;
  }
  return std::nullopt;
}

std::optional<CompareOp> compare_op(const Token& token) {
  const std::string& text = token.text;
  if (token.kind == TokenKind::kName && text == "in") return CompareOp::kIn;
  if (token.kind != TokenKind::kOperator) return std::nullopt;
  if (text == "==") return CompareOp::kEqual;
  if (text == "!=") return CompareOp::kNotEqual;
  if (text == "<") return CompareOp::kLess;
  if (text == "<=") return CompareOp::kLessEqual;
  if (text == ">") return CompareOp::kGreater;
  if (text == ">=") return CompareOp::kGreaterEqual;
  return std::nullopt;
}

// The value of true, false and none, which are no variables.
std::optional<Value> constant(std::string_view name) {
  if (name == "true" || name == "True") return Value::boolean(true);
  if (name == "false" || name == "False") return Value::boolean(false);
  if (name == "none" || name == "None") return Value::none();
  return std::nullopt;
}

}  // namespace

Result<ExpressionPtr> ExpressionParser::parse() {
  const TokenStream::Nesting nesting(stream_);
  DUNLIN_RETURN_IF_ERROR(nesting.status());
  DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr then, parse_logical(false));
  const Position position = stream_.position();
  if (!stream_.skip_name("if")) return then;
  DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr condition, parse_logical(false));
  ExpressionPtr otherwise;
  if (stream_.skip_name("else")) {
    DUNLIN_ASSIGN_OR_RETURN(otherwise, parse());
  }
  return make(position, Conditional{std::move(condition), std::move(then), std::move(otherwise)});
}

Result<ExpressionPtr> ExpressionParser::parse_tuple() {
  return parse_tuple_of(&ExpressionParser::parse);
}

Result<ExpressionPtr> ExpressionParser::parse_unconditional_tuple() {
  return parse_tuple_of(&ExpressionParser::parse_unconditional);
}

Result<ExpressionPtr> ExpressionParser::parse_tuple_of(Parse parse_item) {
  const Position position = stream_.position();
  DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr first, (this->*parse_item)());
  if (!stream_.is_operator(",")) return first;
  SequenceLiteral tuple{{}, true};
  tuple.items.push_back(std::move(first));
  while (stream_.skip_operator(",")) {
    const bool at_end =
        stream_.is(TokenKind::kVariableEnd) || stream_.is(TokenKind::kBlockEnd) || stream_.is_operator(")");
    if (at_end) break;
    DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr item, (this->*parse_item)());
    tuple.items.push_back(std::move(item));
  }
  return make(position, std::move(tuple));
}

Result<ExpressionPtr> ExpressionParser::parse_logical(bool is_and) {
  const Position position = stream_.position();
  const std::string_view word = is_and ? "and" : "or";
  const auto operand = [&] { return is_and ? parse_not() : parse_logical(true); };
  DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr first, operand());
  if (!stream_.is_name(word)) return first;
  Logical logical{is_and, {}};
  logical.operands.push_back(std::move(first));
  while (stream_.skip_name(word)) {
    DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr next, operand());
    logical.operands.push_back(std::move(next));
  }
  return make(position, std::move(logical));
}

Result<ExpressionPtr> ExpressionParser::parse_not() {
  const Position position = stream_.position();
  if (!stream_.skip_name("not")) return parse_comparison();
  const TokenStream::Nesting nesting(stream_);
  DUNLIN_RETURN_IF_ERROR(nesting.status());
  DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr operand, parse_not());
  return make(position, Unary{UnaryOp::kNot, std::move(operand)});
}

Result<ExpressionPtr> ExpressionParser::parse_comparison() {
  const Position position = stream_.position();
  DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr first, parse_arithmetic(0));
  Comparison comparison{std::move(first), {}};
  for (;;) {
    const Position at = stream_.position();
    std::optional<CompareOp> op = compare_op(stream_.current());
    if (!op && stream_.is_name("not") && stream_.ahead().kind == TokenKind::kName &&
        stream_.ahead().text == "in") {
      stream_.skip();
      op = CompareOp::kNotIn;
    }
    if (!op) break;
    stream_.skip();
    DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr operand, parse_arithmetic(0));
    comparison.rest.push_back({*op, at, std::move(operand)});
  }
  if (comparison.rest.empty()) return std::move(comparison.first);
  return make(position, std::move(comparison));
}

Result<ExpressionPtr> ExpressionParser::parse_arithmetic(int level) {
  if (level == kArithmeticLevels) return parse_unary();
  const Position position = stream_.position();
  DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr first, parse_arithmetic(level + 1));
  Arithmetic chain{std::move(first), {}};
  while (const auto op = binary_op(stream_.current(), level)) {
    const Position at = stream_.position();
    stream_.skip();
    DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr operand, parse_arithmetic(level + 1));
    chain.rest.push_back({*op, at, std::move(operand)});
  }
  if (chain.rest.empty()) return std::move(chain.first);
  return make(position, std::move(chain));
}

Result<ExpressionPtr> ExpressionParser::parse_signed(bool with_filters) {
  const Position position = stream_.position();
  if (!stream_.is_operator("-") && !stream_.is_operator("+")) {
    DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr primary, parse_primary());
    return with_suffixes(std::move(primary), with_filters);
  }
  const TokenStream::Nesting nesting(stream_);
  DUNLIN_RETURN_IF_ERROR(nesting.status());
  const UnaryOp op = stream_.take().text == "-" ? UnaryOp::kMinus : UnaryOp::kPlus;
  DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr operand, parse_signed(false));
  return with_suffixes(make(position, Unary{op, std::move(operand)}), with_filters);
}

Result<ExpressionPtr> ExpressionParser::parse_primary() {
  switch (stream_.current().kind) {
    case TokenKind::kName:
      return parse_name();
    case TokenKind::kString:
      return parse_strings();
    case TokenKind::kInteger:
      return parse_integer();
    case TokenKind::kFloat:
      return parse_float();
    default:
      break;
  }
  if (stream_.is_operator("(")) return parse_parenthesized();
  if (stream_.is_operator("[")) return parse_list();
  if (stream_.is_operator("{")) return parse_dict();
  return stream_.unexpected("an expression");
}

Result<ExpressionPtr> ExpressionParser::parse_name() {
  const Token token = stream_.take();
  if (auto value = constant(token.text)) return make(token.position, Literal{std::move(*value)});
  return make(token.position, Variable{token.text});
}

Result<ExpressionPtr> ExpressionParser::parse_integer() {
  const Token token = stream_.take();
  std::string_view digits = token.text;
  int base = 10;
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] < '0' || digits[1] > '9')) {
    const char letter = char(digits[1] | 0x20);
    base = letter == 'x' ? 16 : letter == 'o' ? 8 : 2;
    digits.remove_prefix(2);
  }
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return stream_.error(token.position, "'", token.text.substr(0, 40), "' is no integer of 64 bits");
  }
  return make(token.position, Literal{Value::integer(value)});
}

Result<ExpressionPtr> ExpressionParser::parse_float() {
  const Token token = stream_.take();
  double value = 0;
  const auto [end, error] = std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
  if (error != std::errc() || end != token.text.data() + token.text.size()) {
    return stream_.error(token.position, "'", token.text.substr(0, 40), "' is no number in range");
  }
  return make(token.position, Literal{Value::real(value)});
}

// Strings side by side are one.
Result<ExpressionPtr> ExpressionParser::parse_strings() {
  const Position position = stream_.position();
  std::string text;
  while (stream_.is(TokenKind::kString)) text += stream_.take().text;
  return make(position, Literal{Value::string(std::move(text), Origin::kTemplate)});
}

Result<ExpressionPtr> ExpressionParser::parse_parenthesized() {
  const Position position = stream_.position();
  stream_.skip();
  if (stream_.skip_operator(")")) return make(position, SequenceLiteral{{}, true});
  DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr inner, parse_tuple());
  DUNLIN_RETURN_IF_ERROR(stream_.expect_operator(")"));
  return inner;
}

Result<ExpressionPtr> ExpressionParser::parse_list() {
  const Position position = stream_.position();
  stream_.skip();
  SequenceLiteral list;
  while (!stream_.is_operator("]")) {
    DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr item, parse());
    list.items.push_back(std::move(item));
    if (!stream_.skip_operator(",")) break;
  }
  DUNLIN_RETURN_IF_ERROR(stream_.expect_operator("]"));
  return make(position, std::move(list));
}

Result<ExpressionPtr> ExpressionParser::parse_dict() {
  const Position position = stream_.position();
  stream_.skip();
  DictLiteral dict;
  while (!stream_.is_operator("}")) {
    DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr key, parse());
    DUNLIN_RETURN_IF_ERROR(stream_.expect_operator(":"));
    DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr value, parse());
    dict.entries.emplace_back(std::move(key), std::move(value));
    if (!stream_.skip_operator(",")) break;
  }
  DUNLIN_RETURN_IF_ERROR(stream_.expect_operator("}"));
  return make(position, std::move(dict));
}

// --- suffixes ---

Result<ExpressionPtr> ExpressionParser::with_suffixes(ExpressionPtr base, bool with_filters) {
  const Position position = base->position;
  std::vector<Suffix> suffixes;
  bool filtered = false;  // members come before filters and tests only: `a|f[0]` must be `(a|f)[0]`
  for (;;) {
    Result<Suffix> suffix = Status::internal("no suffix");
    const Position at = stream_.position();
    if (!filtered && stream_.is_operator(".")) {
      suffix = parse_member();
    } else if (!filtered && stream_.is_operator("[")) {
      suffix = parse_subscript();
    } else if (stream_.is_operator("(")) {
      DUNLIN_ASSIGN_OR_RETURN(auto arguments, parse_arguments());
      suffix = Suffix{at, CallSuffix{std::move(arguments)}};
    } else if (with_filters && stream_.skip_operator("|")) {
      suffix = parse_filter();
      filtered = true;
    } else if (with_filters && stream_.skip_name("is")) {
      suffix = parse_test();
      filtered = true;
    } else {
      break;
    }
    if (!suffix.is_ok()) return suffix.status();
    suffixes.push_back(std::move(*suffix));
  }
  if (suffixes.empty()) return base;
  return make(position, Postfix{std::move(base), std::move(suffixes)});
}

Result<Suffix> ExpressionParser::parse_member() {
  const Position position = stream_.position();
  stream_.skip();
  if (stream_.is(TokenKind::kInteger)) {
    DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr key, parse_integer());
    return Suffix{position, ItemSuffix{std::move(key)}};
  }
  DUNLIN_ASSIGN_OR_RETURN(std::string name, stream_.expect_name("the name of an attribute"));
  return Suffix{position, AttributeSuffix{std::move(name)}};
}

Result<Suffix> ExpressionParser::parse_subscript() {
  const Position position = stream_.position();
  stream_.skip();
  ExpressionPtr bounds[3];
  size_t n_colons = 0;
  for (;;) {
    if (stream_.skip_operator(":")) {
      if (++n_colons > 2) return stream_.error(position, "a slice has at most three parts");
    } else if (stream_.is_operator("]")) {
      break;
    } else if (bounds[n_colons]) {
      return stream_.unexpected("']'");
    } else {
      DUNLIN_ASSIGN_OR_RETURN(bounds[n_colons], parse());
    }
  }
  stream_.skip();
  if (n_colons > 0) {
    return Suffix{position, SliceSuffix{std::move(bounds[0]), std::move(bounds[1]), std::move(bounds[2])}};
  }
  if (!bounds[0]) return stream_.error(position, "expected a key or index inside '[]'");
  return Suffix{position, ItemSuffix{std::move(bounds[0])}};
}

Result<std::string> ExpressionParser::parse_dotted_name(std::string_view what) {
  DUNLIN_ASSIGN_OR_RETURN(std::string name, stream_.expect_name(what));
  while (stream_.skip_operator(".")) {
    DUNLIN_ASSIGN_OR_RETURN(const std::string part, stream_.expect_name(what));
    name += '.' + part;
  }
  return name;
}

Result<Suffix> ExpressionParser::parse_filter() {
  const Position position = stream_.position();
  FilterSuffix filter;
  DUNLIN_ASSIGN_OR_RETURN(filter.name, parse_dotted_name("the name of a filter"));
  if (stream_.is_operator("(")) {
    DUNLIN_ASSIGN_OR_RETURN(filter.arguments, parse_arguments());
  }
  return Suffix{position, std::move(filter)};
}

Result<std::vector<Suffix>> ExpressionParser::parse_filters() {
  std::vector<Suffix> filters;
  do {
    DUNLIN_ASSIGN_OR_RETURN(Suffix filter, parse_filter());
    filters.push_back(std::move(filter));
  } while (stream_.skip_operator("|"));
  return filters;
}

// `is [not] name`, with arguments in parentheses or one simple argument behind the name.
Result<Suffix> ExpressionParser::parse_test() {
  const Position position = stream_.position();
  TestSuffix test;
  test.is_negated = stream_.skip_name("not");
  DUNLIN_ASSIGN_OR_RETURN(test.name, parse_dotted_name("the name of a test"));
  if (stream_.is_operator("(")) {
    DUNLIN_ASSIGN_OR_RETURN(test.arguments, parse_arguments());
    return Suffix{position, std::move(test)};
  }
  const bool ends = stream_.is_name("else") || stream_.is_name("or") || stream_.is_name("and") ||
                    stream_.is_name("if") || stream_.is_name("in") || stream_.is_name("not");
  if (stream_.is_name("is")) return stream_.unexpected("one test; join several with `and`");
  const bool has_argument = stream_.is(TokenKind::kName) || stream_.is(TokenKind::kString) ||
                            stream_.is(TokenKind::kInteger) || stream_.is(TokenKind::kFloat) ||
                            stream_.is_operator("[") || stream_.is_operator("{");
  if (has_argument && !ends) {
    DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr primary, parse_primary());
    DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr argument, with_suffixes(std::move(primary), false));
    test.arguments.push_back({"", std::move(argument)});
  }
  return Suffix{position, std::move(test)};
}

Result<std::vector<Argument>> ExpressionParser::parse_arguments() {
  stream_.skip();
  std::vector<Argument> arguments;
  while (!stream_.is_operator(")")) {
    if (stream_.is_operator("*") || stream_.is_operator("**")) {
      return located(stream_.position(), Status::unsupported("unpacking arguments with * is not supported"));
    }
    Argument argument;
    const bool is_named = stream_.is(TokenKind::kName) && stream_.ahead().kind == TokenKind::kOperator &&
                          stream_.ahead().text == "=";
    if (is_named) {
      argument.name = stream_.take().text;
      stream_.skip();
    } else if (!arguments.empty() && !arguments.back().name.empty()) {
      return stream_.error(stream_.position(), "an argument by position follows one by name");
    }
    DUNLIN_ASSIGN_OR_RETURN(argument.value, parse());
    arguments.push_back(std::move(argument));
    if (!stream_.skip_operator(",")) break;
  }
  DUNLIN_RETURN_IF_ERROR(stream_.expect_operator(")"));
  return arguments;
}

// --- targets ---

Result<Target> ExpressionParser::parse_target(bool allow_attribute) {
  const Position position = stream_.position();
  DUNLIN_ASSIGN_OR_RETURN(Target first, parse_single_target(allow_attribute));
  if (!stream_.is_operator(",")) return first;
  Target tuple{position, "", "", {}};
  tuple.parts.push_back(std::move(first));
  while (stream_.skip_operator(",")) {
    if (!stream_.is(TokenKind::kName) && !stream_.is_operator("(")) break;
    if (stream_.is_name("in")) break;
    DUNLIN_ASSIGN_OR_RETURN(Target next, parse_single_target(allow_attribute));
    tuple.parts.push_back(std::move(next));
  }
  return tuple;
}

Result<Target> ExpressionParser::parse_single_target(bool allow_attribute) {
  const Position position = stream_.position();
  if (stream_.skip_operator("(")) {
    const TokenStream::Nesting nesting(stream_);
    DUNLIN_RETURN_IF_ERROR(nesting.status());
    DUNLIN_ASSIGN_OR_RETURN(Target inner, parse_target(allow_attribute));
    DUNLIN_RETURN_IF_ERROR(stream_.expect_operator(")"));
    return inner;
  }
  Target target{position, "", "", {}};
  DUNLIN_ASSIGN_OR_RETURN(target.name, stream_.expect_name("a name to assign to"));
  if (constant(target.name)) return stream_.error(position, "cannot assign to '", target.name, "'");
  if (allow_attribute && stream_.skip_operator(".")) {
    DUNLIN_ASSIGN_OR_RETURN(target.attribute, stream_.expect_name("the name of an attribute"));
  }
  return target;
}

}  // namespace dunlin::jinja
