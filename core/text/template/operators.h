// What the operators of templates do, as in Python.
#pragma once

#include "core/base/status.h"
#include "core/text/template/ast.h"
#include "core/text/template/value.h"

namespace dunlin::jinja {

bool is_true(const Value& value);

// Errors (kInvalidArgument): types that do not go together, undefined operands, division by zero, an integer
// that leaves 64 bits; kResourceExhausted for results above the heap's limits, found before they are made.
Result<Value> apply_binary(Heap& heap, BinaryOp op, const Value& left, const Value& right);
Result<Value> apply_unary(UnaryOp op, const Value& operand);

Result<bool> equals(Heap& heap, const Value& left, const Value& right);
Result<bool> is_less(Heap& heap, const Value& left, const Value& right);
Result<bool> contains(Heap& heap, const Value& container, const Value& item);
Result<bool> apply_comparison(Heap& heap, CompareOp op, const Value& left, const Value& right);

}  // namespace dunlin::jinja
