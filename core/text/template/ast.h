// The syntax tree of a template. Immutable once parsed, shared by all renders. Chains (a + b + c, x.y[0]|f,
// elif) are flat lists, so that only true nesting makes the tree deep.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/text/template/lexer.h"
#include "core/text/template/value.h"

namespace dunlin::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

// --- expressions ---

struct Literal {
  Value value;
};

struct Variable {
  std::string name;
};

struct SequenceLiteral {
  std::vector<ExpressionPtr> items;
  bool is_tuple = false;
};

struct DictLiteral {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};

enum class UnaryOp : uint8_t { kNot, kMinus, kPlus };
struct Unary {
  UnaryOp op;
  ExpressionPtr operand;
};

enum class BinaryOp : uint8_t { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower, kConcat };
// first op rest[0] op rest[1] ..., from left to right.
struct Arithmetic {
  struct Step {
    BinaryOp op;
    Position position;
    ExpressionPtr operand;
  };
  ExpressionPtr first;
  std::vector<Step> rest;
};

enum class CompareOp : uint8_t { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };
// a < b < c: each operand is computed once, and all comparisons must hold.
struct Comparison {
  struct Step {
    CompareOp op;
    Position position;
    ExpressionPtr operand;
  };
  ExpressionPtr first;
  std::vector<Step> rest;
};

// The first operand that decides, else the last.
struct Logical {
  bool is_and;
  std::vector<ExpressionPtr> operands;
};

// `then if condition else otherwise`; undefined where otherwise is missing.
struct Conditional {
  ExpressionPtr condition;
  ExpressionPtr then;
  ExpressionPtr otherwise;
};

struct Argument {
  std::string name;  // empty: by position
  ExpressionPtr value;
};

struct AttributeSuffix {
  std::string name;
};
struct ItemSuffix {
  ExpressionPtr key;
};
struct SliceSuffix {  // each may be null
  ExpressionPtr start, stop, step;
};
struct CallSuffix {
  std::vector<Argument> arguments;
};
struct FilterSuffix {
  std::string name;
  std::vector<Argument> arguments;
};
struct TestSuffix {
  std::string name;
  bool is_negated;
  std::vector<Argument> arguments;
};
struct Suffix {
  Position position;
  std::variant<AttributeSuffix, ItemSuffix, SliceSuffix, CallSuffix, FilterSuffix, TestSuffix> node;
};
// base followed by .name, [key], [a:b], (args), |filter and `is test`, in the order written.
struct Postfix {
  ExpressionPtr base;
  std::vector<Suffix> suffixes;
};

struct Expression {
  Position position;
  std::variant<Literal, Variable, SequenceLiteral, DictLiteral, Unary, Arithmetic, Comparison, Logical,
               Conditional, Postfix>
      node;
};

// --- statements ---

struct Statement;
using Block = std::vector<Statement>;

// What an assignment or a loop fills: a name, an attribute of a namespace, or a tuple of targets.
struct Target {
  Position position;
  std::string name;  // empty for a tuple
  std::string attribute;
  std::vector<Target> parts;
};

struct TextStatement {
  Value text;
};
struct PrintStatement {
  ExpressionPtr value;
};
struct IfStatement {
  struct Branch {
    ExpressionPtr condition;
    Block body;
  };
  std::vector<Branch> branches;
  Block otherwise;
};
struct ForStatement {
  Target target;
  ExpressionPtr items;
  ExpressionPtr condition;  // null: all items
  Block body;
  Block otherwise;
};
struct SetStatement {
  Target target;
  ExpressionPtr value;
};
struct SetBlockStatement {
  Target target;
  std::vector<Suffix> filters;
  Block body;
};
struct MacroStatement {
  struct Parameter {
    std::string name;
    ExpressionPtr default_value;  // null: undefined
  };
  std::string name;
  std::vector<Parameter> parameters;
  Block body;
};
struct FilterStatement {
  std::vector<Suffix> filters;
  Block body;
};
// A body with a scope of its own: `with`, and `generation`, which marks what the model wrote and just prints.
struct ScopeStatement {
  std::vector<std::pair<Target, ExpressionPtr>> assignments;
  Block body;
};
struct BreakStatement {};
struct ContinueStatement {};

struct Statement {
  Position position;
  std::variant<TextStatement, PrintStatement, IfStatement, ForStatement, SetStatement, SetBlockStatement,
               MacroStatement, FilterStatement, ScopeStatement, BreakStatement, ContinueStatement>
      node;
};

struct Template {
  Block body;
};

}  // namespace dunlin::jinja
