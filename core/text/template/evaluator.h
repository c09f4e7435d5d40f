// The evaluator: expressions to values.
#pragma once

#include <memory>

#include "core/base/status.h"
#include "core/text/template/arguments.h"
#include "core/text/template/ast.h"
#include "core/text/template/scope.h"

namespace dunlin::jinja {

// Borrows the heap and the variable that holds the innermost scope.
class Evaluator {
 public:
  Evaluator(Heap& heap, const std::shared_ptr<Scope>& scope) : heap_(heap), scope_(scope) {}

  // Errors carry line:column.
  Result<Value> evaluate(const Expression& expression);
  // value followed by one suffix.
  Result<Value> apply(const Suffix& suffix, const Value& value);

  // Held while a node is worked on: counts a step and a level of the native stack.
  class Nesting {
   public:
    explicit Nesting(Evaluator& evaluator) : evaluator_(evaluator) { ++evaluator_.depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    ~Nesting() { --evaluator_.depth_; }
    Status enter(Position position) const;

   private:
    Evaluator& evaluator_;
  };

 private:
  Result<Value> evaluate(const Literal& node, Position position);
  Result<Value> evaluate(const Variable& node, Position position);
  Result<Value> evaluate(const SequenceLiteral& node, Position position);
  Result<Value> evaluate(const DictLiteral& node, Position position);
  Result<Value> evaluate(const Unary& node, Position position);
  Result<Value> evaluate(const Arithmetic& node, Position position);
  Result<Value> evaluate(const Comparison& node, Position position);
  Result<Value> evaluate(const Logical& node, Position position);
  Result<Value> evaluate(const Conditional& node, Position position);
  Result<Value> evaluate(const Postfix& node, Position position);

  Result<Value> apply(const AttributeSuffix& node, Position position, const Value& value);
  Result<Value> apply(const ItemSuffix& node, Position position, const Value& value);
  Result<Value> apply(const SliceSuffix& node, Position position, const Value& value);
  Result<Value> apply(const CallSuffix& node, Position position, const Value& value);
  Result<Value> apply(const FilterSuffix& node, Position position, const Value& value);
  Result<Value> apply(const TestSuffix& node, Position position, const Value& value);

  Result<Value> evaluate_or_none(const ExpressionPtr& expression);
  Result<Arguments> evaluate_arguments(const std::vector<Argument>& arguments);

  Heap& heap_;
  const std::shared_ptr<Scope>& scope_;
  int depth_ = 0;
};

}  // namespace dunlin::jinja
