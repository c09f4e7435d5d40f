#include "core/text/template/tests.h"

#include "core/text/template/access.h"
#include "core/text/template/heap.h"
#include "core/text/template/operators.h"
#include "core/text/template/python_text.h"
#include "core/text/template/unicode_text.h"

namespace dunlin::jinja {
namespace {

// --- tests of a value alone ---

bool is_boolean(const Value& value) {
  return value.is_bool();
}
bool is_callable(const Value& value) {
  return value.is_object() && value.as_object()->is_callable();
}
bool is_defined(const Value& value) {
  return !value.is_undefined();
}
bool is_false(const Value& value) {
  return value.is_bool() && !value.as_bool();
}
bool is_float(const Value& value) {
  return value.is_float();
}
bool is_integer(const Value& value) {
  return value.is_int();
}
bool is_mapping(const Value& value) {
  return value.is_dict();
}
bool is_none(const Value& value) {
  return value.is_none();
}
bool is_number(const Value& value) {
  return value.is_number();
}
bool is_string(const Value& value) {
  return value.is_string();
}
bool is_true_value(const Value& value) {
  return value.is_bool() && value.as_bool();
}
bool is_undefined(const Value& value) {
  return value.is_undefined();
}

struct PlainTest {
  std::string_view name;
  bool (*holds)(const Value& value);
};

// What has a length and items is a sequence, so an undefined value and a dict are, too.
constexpr PlainTest kPlainTests[] = {
    {"boolean", is_boolean}, {"callable", is_callable},   {"defined", is_defined},   {"false", is_false},
    {"float", is_float},     {"integer", is_integer},     {"iterable", is_iterable}, {"mapping", is_mapping},
    {"none", is_none},       {"number", is_number},       {"sequence", is_iterable}, {"string", is_string},
    {"true", is_true_value}, {"undefined", is_undefined},
};

// --- tests against another value ---

struct ComparingTest {
  std::string_view name;
  CompareOp op;
};

constexpr ComparingTest kComparingTests[] = {
    {"!=", CompareOp::kNotEqual},     {"<", CompareOp::kLess},
    {"<=", CompareOp::kLessEqual},    {"==", CompareOp::kEqual},
    {">", CompareOp::kGreater},       {">=", CompareOp::kGreaterEqual},
    {"eq", CompareOp::kEqual},        {"equalto", CompareOp::kEqual},
    {"ge", CompareOp::kGreaterEqual}, {"greaterthan", CompareOp::kGreater},
    {"gt", CompareOp::kGreater},      {"in", CompareOp::kIn},
    {"le", CompareOp::kLessEqual},    {"lessthan", CompareOp::kLess},
    {"lt", CompareOp::kLess},         {"ne", CompareOp::kNotEqual},
};

// Python's `is`.
Result<bool> is_same(Heap& heap, const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  if (a.is_list()) return a.as_list() == b.as_list();
  if (a.is_dict()) return a.as_dict() == b.as_dict();
  return equals(heap, a, b);
}

// The remainder by divisor.
Result<bool> is_divisible(Heap& heap, const Value& value, const Value& divisor) {
  DUNLIN_ASSIGN_OR_RETURN(const Value rest, apply_binary(heap, BinaryOp::kModulo, value, divisor));
  return equals(heap, rest, Value::integer(0));
}

Result<bool> has_case(Heap& heap, const Value& value, LetterCase letter_case) {
  DUNLIN_ASSIGN_OR_RETURN(const MarkedText text, text_of(heap, value));
  DUNLIN_RETURN_IF_ERROR(heap.reserve_text(text.size()));
  return is_all(text.view(), letter_case);
}

}  // namespace

Result<bool> apply_test(Heap& heap, std::string_view name, const Value& value, const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(heap.step());
  for (const PlainTest& test : kPlainTests) {
    if (test.name != name) continue;
    DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
    return test.holds(value);
  }
  if (name == "odd" || name == "even") {
    DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
    DUNLIN_ASSIGN_OR_RETURN(const bool even, is_divisible(heap, value, Value::integer(2)));
    return even == (name == "even");
  }
  if (name == "lower" || name == "upper") {
    DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
    return has_case(heap, value, name == "lower" ? LetterCase::kLower : LetterCase::kUpper);
  }
  for (const ComparingTest& test : kComparingTests) {
    if (test.name != name) continue;
    DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"other"}, 1));
    return apply_comparison(heap, test.op, value, *bound[0]);
  }
  if (name == "divisibleby" || name == "sameas") {
    DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"other"}, 1));
    return name == "sameas" ? is_same(heap, value, *bound[0]) : is_divisible(heap, value, *bound[0]);
  }
  return Status::unsupported("there is no test '", name.substr(0, 40), "'");
}

}  // namespace dunlin::jinja
