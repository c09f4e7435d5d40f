#include "core/text/template/evaluator.h"

#include "core/text/template/access.h"
#include "core/text/template/filters.h"
#include "core/text/template/heap.h"
#include "core/text/template/operators.h"
#include "core/text/template/tests.h"

namespace dunlin::jinja {
namespace {

// The result, with the place of the operation in front of an error.
template <typename T>
Result<T> at(Position position, Result<T> result) {
  if (result.is_ok()) return result;
  return located(position, result.status());
}

}  // namespace

Status Evaluator::Nesting::enter(Position position) const {
  if (evaluator_.depth_ > evaluator_.heap_.limits().eval_depth) {
    return located(position, Status::exhausted("the template runs more than ",
                                               evaluator_.heap_.limits().eval_depth, " levels deep"));
  }
  const Status step = evaluator_.heap_.step();
  return step.is_ok() ? step : located(position, step);
}

Result<Value> Evaluator::evaluate(const Expression& expression) {
  const Nesting nesting(*this);
  DUNLIN_RETURN_IF_ERROR(nesting.enter(expression.position));
  return std::visit([&](const auto& node) { return evaluate(node, expression.position); }, expression.node);
}

Result<Value> Evaluator::apply(const Suffix& suffix, const Value& value) {
  return std::visit([&](const auto& node) { return apply(node, suffix.position, value); }, suffix.node);
}

// --- expressions ---

Result<Value> Evaluator::evaluate(const Literal& node, Position) {
  return node.value;
}

Result<Value> Evaluator::evaluate(const Variable& node, Position) {
  if (const Value* value = scope_->find(node.name)) return *value;
  return Value::undefined(str_cat("'", node.name, "' is undefined"));
}

Result<Value> Evaluator::evaluate(const SequenceLiteral& node, Position position) {
  std::vector<Value> items;
  items.reserve(node.items.size());
  for (const ExpressionPtr& item : node.items) {
    DUNLIN_ASSIGN_OR_RETURN(Value value, evaluate(*item));
    items.push_back(std::move(value));
  }
  return at(position, node.is_tuple ? heap_.tuple(std::move(items)) : heap_.list(std::move(items)));
}

Result<Value> Evaluator::evaluate(const DictLiteral& node, Position position) {
  const auto dict = heap_.new_dict();
  for (const auto& [key_expression, value_expression] : node.entries) {
    DUNLIN_ASSIGN_OR_RETURN(Value key, evaluate(*key_expression));
    DUNLIN_ASSIGN_OR_RETURN(Value value, evaluate(*value_expression));
    const Status status = heap_.set(*dict, std::move(key), std::move(value));
    if (!status.is_ok()) return located(position, status);
  }
  return Value::dict(dict);
}

Result<Value> Evaluator::evaluate(const Unary& node, Position position) {
  DUNLIN_ASSIGN_OR_RETURN(const Value operand, evaluate(*node.operand));
  return at(position, apply_unary(node.op, operand));
}

Result<Value> Evaluator::evaluate(const Arithmetic& node, Position) {
  DUNLIN_ASSIGN_OR_RETURN(Value value, evaluate(*node.first));
  for (const Arithmetic::Step& step : node.rest) {
    DUNLIN_ASSIGN_OR_RETURN(const Value operand, evaluate(*step.operand));
    DUNLIN_ASSIGN_OR_RETURN(value, at(step.position, apply_binary(heap_, step.op, value, operand)));
  }
  return value;
}

Result<Value> Evaluator::evaluate(const Comparison& node, Position) {
  DUNLIN_ASSIGN_OR_RETURN(Value left, evaluate(*node.first));
  for (const Comparison::Step& step : node.rest) {
    DUNLIN_ASSIGN_OR_RETURN(Value right, evaluate(*step.operand));
    DUNLIN_ASSIGN_OR_RETURN(const bool holds,
                            at(step.position, apply_comparison(heap_, step.op, left, right)));
    if (!holds) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Result<Value> Evaluator::evaluate(const Logical& node, Position) {
  Value value;
  for (const ExpressionPtr& operand : node.operands) {
    DUNLIN_ASSIGN_OR_RETURN(value, evaluate(*operand));
    if (is_true(value) != node.is_and) return value;
  }
  return value;
}

Result<Value> Evaluator::evaluate(const Conditional& node, Position) {
  DUNLIN_ASSIGN_OR_RETURN(const Value condition, evaluate(*node.condition));
  if (is_true(condition)) return evaluate(*node.then);
  if (node.otherwise) return evaluate(*node.otherwise);
  return Value::undefined("the inline if is false and has no else");
}

Result<Value> Evaluator::evaluate(const Postfix& node, Position) {
  DUNLIN_ASSIGN_OR_RETURN(Value value, evaluate(*node.base));
  for (const Suffix& suffix : node.suffixes) {
    DUNLIN_ASSIGN_OR_RETURN(value, apply(suffix, value));
  }
  return value;
}

// --- suffixes ---

Result<Value> Evaluator::apply(const AttributeSuffix& node, Position position, const Value& value) {
  return at(position, get_attribute(heap_, value, node.name));
}

Result<Value> Evaluator::apply(const ItemSuffix& node, Position position, const Value& value) {
  DUNLIN_ASSIGN_OR_RETURN(const Value key, evaluate(*node.key));
  return at(position, get_item(heap_, value, key));
}

Result<Value> Evaluator::apply(const SliceSuffix& node, Position position, const Value& value) {
  DUNLIN_ASSIGN_OR_RETURN(const Value start, evaluate_or_none(node.start));
  DUNLIN_ASSIGN_OR_RETURN(const Value stop, evaluate_or_none(node.stop));
  DUNLIN_ASSIGN_OR_RETURN(const Value step, evaluate_or_none(node.step));
  return at(position, get_slice(heap_, value, start, stop, step));
}

Result<Value> Evaluator::apply(const CallSuffix& node, Position position, const Value& value) {
  if (value.is_undefined())
    return located(position, Status::invalid(value.why_undefined(), "; it cannot be called"));
  if (!value.is_object() || !value.as_object()->is_callable()) {
    return located(position, Status::invalid("a ", value.type_name(), " cannot be called"));
  }
  DUNLIN_ASSIGN_OR_RETURN(const Arguments arguments, evaluate_arguments(node.arguments));
  const std::shared_ptr<Object> callee = value.as_object();
  Result<Value> result = callee->call(heap_, arguments);
  return callee->reports_own_errors() ? std::move(result) : at(position, std::move(result));
}

Result<Value> Evaluator::apply(const FilterSuffix& node, Position position, const Value& value) {
  DUNLIN_ASSIGN_OR_RETURN(const Arguments arguments, evaluate_arguments(node.arguments));
  return at(position, apply_filter(heap_, node.name, value, arguments));
}

Result<Value> Evaluator::apply(const TestSuffix& node, Position position, const Value& value) {
  DUNLIN_ASSIGN_OR_RETURN(const Arguments arguments, evaluate_arguments(node.arguments));
  DUNLIN_ASSIGN_OR_RETURN(const bool holds, at(position, apply_test(heap_, node.name, value, arguments)));
  return Value::boolean(holds != node.is_negated);
}

Result<Value> Evaluator::evaluate_or_none(const ExpressionPtr& expression) {
  if (!expression) return Value::none();
  return evaluate(*expression);
}

Result<Arguments> Evaluator::evaluate_arguments(const std::vector<Argument>& arguments) {
  Arguments evaluated;
  for (const Argument& argument : arguments) {
    DUNLIN_ASSIGN_OR_RETURN(Value value, evaluate(*argument.value));
    if (argument.name.empty()) {
      evaluated.positional.push_back(std::move(value));
    } else {
      evaluated.named.emplace_back(argument.name, std::move(value));
    }
  }
  return evaluated;
}

}  // namespace dunlin::jinja
