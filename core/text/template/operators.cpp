#include "core/text/template/operators.h"

#include <cmath>

#include "core/text/template/format.h"
#include "core/text/template/heap.h"
#include "core/text/template/python_text.h"

namespace dunlin::jinja {
namespace {

std::string_view symbol_of(BinaryOp op) {
  switch (op) {
    case BinaryOp::kAdd:
      return "+";
    case BinaryOp::kSubtract:
      return "-";
    case BinaryOp::kMultiply:
      return "*";
    case BinaryOp::kDivide:
      return "/";
    case BinaryOp::kFloorDivide:
      return "//";
    case BinaryOp::kModulo:
      return "%";
    case BinaryOp::kPower:
      return "**";
    case BinaryOp::kConcat:
      return "~";
  }
  return "?";
}

Status undefined_error(const Value& value) {
  return Status::invalid(value.why_undefined());
}

Status types_error(std::string_view op, const Value& left, const Value& right) {
  return Status::invalid("'", op, "' does not work on ", left.type_name(), " and ", right.type_name());
}

// --- arithmetic ---

Status overflow() {
  return Status::invalid("an integer leaves the range of 64 bits");
}

int64_t floor_divide(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return (a % b != 0 && (a < 0) != (b < 0)) ? quotient - 1 : quotient;
}

// By squaring, so at most 63 rounds; exponent >= 0.
Result<Value> integer_power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) return overflow();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return overflow();
  }
  return Value::integer(result);
}

Result<Value> integer_arithmetic(BinaryOp op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case BinaryOp::kAdd:
      if (__builtin_add_overflow(a, b, &result)) return overflow();
      return Value::integer(result);
    case BinaryOp::kSubtract:
      if (__builtin_sub_overflow(a, b, &result)) return overflow();
      return Value::integer(result);
    case BinaryOp::kMultiply:
      if (__builtin_mul_overflow(a, b, &result)) return overflow();
      return Value::integer(result);
    case BinaryOp::kPower:
      if (b < 0) break;
      return integer_power(a, b);
    case BinaryOp::kFloorDivide:
    case BinaryOp::kModulo: {
      if (b == 0) return Status::invalid("division by zero");
      if (b == -1) {  // INT64_MIN / -1 does not fit
        if (op == BinaryOp::kModulo) return Value::integer(0);
        return integer_arithmetic(BinaryOp::kSubtract, 0, a);
      }
      const int64_t quotient = floor_divide(a, b);
      return Value::integer(op == BinaryOp::kFloorDivide ? quotient : a - quotient * b);
    }
    default:
      break;
  }
  if (op == BinaryOp::kDivide && b == 0) return Status::invalid("division by zero");
  return Value::real(op == BinaryOp::kDivide ? double(a) / double(b) : std::pow(double(a), double(b)));
}

Result<Value> float_arithmetic(BinaryOp op, double a, double b) {
  const bool divides = op == BinaryOp::kDivide || op == BinaryOp::kFloorDivide || op == BinaryOp::kModulo;
  if (divides && b == 0) return Status::invalid("division by zero");
  switch (op) {
    case BinaryOp::kAdd:
      return Value::real(a + b);
    case BinaryOp::kSubtract:
      return Value::real(a - b);
    case BinaryOp::kMultiply:
      return Value::real(a * b);
    case BinaryOp::kDivide:
      return Value::real(a / b);
    case BinaryOp::kFloorDivide:
      return Value::real(std::floor(a / b));
    case BinaryOp::kModulo: {
      const double rest = std::fmod(a, b);
      return Value::real(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest);
    }
    default:
      return Value::real(std::pow(a, b));
  }
}

// --- strings and lists ---

Result<Value> concatenate(Heap& heap, const MarkedText& left, const MarkedText& right) {
  DUNLIN_RETURN_IF_ERROR(heap.reserve_text(left.size() + right.size()));
  MarkedText joined = left;
  joined.append(right, 0, right.size());
  return heap.string(std::move(joined));
}

Result<Value> join_lists(Heap& heap, const List& left, const List& right) {
  DUNLIN_RETURN_IF_ERROR(heap.reserve_elements(left.items.size() + right.items.size()));
  std::vector<Value> items = left.items;
  items.insert(items.end(), right.items.begin(), right.items.end());
  return left.is_tuple ? heap.tuple(std::move(items)) : heap.list(std::move(items), left.origin);
}

Result<Value> repeat_text(Heap& heap, const MarkedText& text, int64_t count) {
  if (count <= 0 || text.empty()) return heap.string(MarkedText());
  if (uint64_t(count) > heap.limits().output_bytes / text.size()) {
    return Status::exhausted("a string of ", text.size(), " bytes repeated ", count, " times is longer than ",
                             heap.limits().output_bytes, " bytes");
  }
  DUNLIN_RETURN_IF_ERROR(heap.reserve_text(text.size() * size_t(count)));
  MarkedText repeated;
  for (int64_t i = 0; i < count; ++i) repeated.append(text);
  return heap.string(std::move(repeated));
}

Result<Value> repeat_list(Heap& heap, const List& list, int64_t count) {
  std::vector<Value> items;
  if (count > 0 && !list.items.empty()) {
    if (uint64_t(count) > heap.limits().elements / list.items.size()) {
      return Status::exhausted("a list of ", list.items.size(), " elements repeated ", count,
                               " times has more than ", heap.limits().elements);
    }
    DUNLIN_RETURN_IF_ERROR(heap.reserve_elements(list.items.size() * size_t(count)));
    for (int64_t i = 0; i < count; ++i) items.insert(items.end(), list.items.begin(), list.items.end());
  }
  return list.is_tuple ? heap.tuple(std::move(items)) : heap.list(std::move(items), list.origin);
}

Result<Value> repeat(Heap& heap, const Value& value, int64_t count) {
  return value.is_string() ? repeat_text(heap, value.as_text(), count)
                           : repeat_list(heap, *value.as_list(), count);
}

bool is_integral(const Value& value) {
  return value.is_int() || value.is_bool();
}
bool is_repeatable(const Value& value) {
  return value.is_string() || value.is_list();
}

Result<Value> concat_texts(Heap& heap, const Value& left, const Value& right) {
  DUNLIN_ASSIGN_OR_RETURN(const MarkedText a, text_of(heap, left));
  DUNLIN_ASSIGN_OR_RETURN(const MarkedText b, text_of(heap, right));
  return concatenate(heap, a, b);
}

}  // namespace

bool is_true(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInt:
      return value.as_int() != 0;
    case Kind::kFloat:
      return value.as_number() != 0;
    case Kind::kString:
      return !value.as_text().empty();
    case Kind::kList:
      return !value.as_list()->items.empty();
    case Kind::kDict:
      return value.as_dict()->size() > 0;
    case Kind::kObject:
      return true;
  }
  return false;
}

Result<Value> apply_binary(Heap& heap, BinaryOp op, const Value& left, const Value& right) {
  if (op == BinaryOp::kConcat) return concat_texts(heap, left, right);
  if (left.is_undefined()) return undefined_error(left);
  if (op == BinaryOp::kModulo && left.is_string()) return format_percent(heap, left.as_text(), right);
  if (right.is_undefined()) return undefined_error(right);
  if (is_integral(left) && is_integral(right)) return integer_arithmetic(op, left.as_int(), right.as_int());
  if (left.is_number() && right.is_number()) return float_arithmetic(op, left.as_number(), right.as_number());
  if (op == BinaryOp::kAdd && left.is_string() && right.is_string()) {
    return concatenate(heap, left.as_text(), right.as_text());
  }
  if (op == BinaryOp::kAdd && left.is_list() && right.is_list() &&
      left.as_list()->is_tuple == right.as_list()->is_tuple) {
    return join_lists(heap, *left.as_list(), *right.as_list());
  }
  if (op == BinaryOp::kMultiply && is_repeatable(left) && is_integral(right)) {
    return repeat(heap, left, right.as_int());
  }
  if (op == BinaryOp::kMultiply && is_integral(left) && is_repeatable(right)) {
    return repeat(heap, right, left.as_int());
  }
  return types_error(symbol_of(op), left, right);
}

Result<Value> apply_unary(UnaryOp op, const Value& operand) {
  if (op == UnaryOp::kNot) return Value::boolean(!is_true(operand));
  if (operand.is_undefined()) return undefined_error(operand);
  if (!operand.is_number()) return Status::invalid("a ", operand.type_name(), " has no sign");
  if (operand.is_float()) {
    return Value::real(op == UnaryOp::kMinus ? -operand.as_number() : operand.as_number());
  }
  if (op == UnaryOp::kPlus) return Value::integer(operand.as_int());
  return integer_arithmetic(BinaryOp::kSubtract, 0, operand.as_int());
}

}  // namespace dunlin::jinja
