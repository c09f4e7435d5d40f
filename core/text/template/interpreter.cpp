#include "core/text/template/interpreter.h"

#include "core/text/template/access.h"
#include "core/text/template/evaluator.h"
#include "core/text/template/filters.h"
#include "core/text/template/globals.h"
#include "core/text/template/heap.h"
#include "core/text/template/loop.h"
#include "core/text/template/operators.h"
#include "core/text/template/python_text.h"
#include "core/text/template/scope.h"

namespace dunlin::jinja {
namespace {

// How a statement ends: go on, or leave or continue the loop around it.
enum class Flow { kNext, kBreak, kContinue };

class Interpreter;

class Macro : public Object {
 public:
  Macro(Interpreter& interpreter, const MacroStatement& source, Position position,
        std::shared_ptr<Scope> closure)
      : interpreter_(interpreter), source_(source), position_(position), closure_(std::move(closure)) {}
  std::string_view type_name() const override { return "macro"; }
  bool is_callable() const override { return true; }
  bool reports_own_errors() const override { return true; }
  Result<Value> call(Heap& heap, const Arguments& arguments) override;

  const MacroStatement& source() const { return source_; }
  Position position() const { return position_; }
  const std::shared_ptr<Scope>& closure() const { return closure_; }

 private:
  Interpreter& interpreter_;
  const MacroStatement& source_;
  const Position position_;
  const std::shared_ptr<Scope> closure_;
};

class Interpreter {
 public:
  Interpreter(const Globals& globals, Heap& heap)
      : heap_(heap), scope_(std::make_shared<Scope>(nullptr)), evaluator_(heap, scope_) {
    for (const auto& [name, value] : globals) scope_->set(name, value);
    push_scope();  // a template's own variables shadow the globals
  }

  // Macros and the scopes that they see hold each other.
  ~Interpreter() {
    for (const auto& scope : captured_scopes_) scope->clear();
  }

  Result<MarkedText> run(const Template& parsed) {
    MarkedText out;
    DUNLIN_ASSIGN_OR_RETURN(const Flow flow, run_block(parsed.body, out));
    DUNLIN_CHECK(flow == Flow::kNext);
    return out;
  }

  Result<Value> call_macro(const Macro& macro, const Arguments& arguments) {
    if (call_depth_ >= heap_.limits().call_depth) {
      return located(macro.position(), Status::exhausted("macro '", macro.source().name, "' is called ",
                                                         call_depth_, " levels deep; the limit is reached"));
    }
    const std::shared_ptr<Scope> caller = scope_;
    scope_ = std::make_shared<Scope>(macro.closure());
    ++call_depth_;
    Result<Value> result = run_macro(macro, arguments);
    --call_depth_;
    scope_ = caller;
    return result;
  }

 private:
  // --- scopes ---

  void push_scope() { scope_ = std::make_shared<Scope>(scope_); }
  void pop_scope() { scope_ = scope_->parent(); }

  // Runs the block in a scope of its own.
  Result<Flow> run_scoped(const Block& block, MarkedText& out) {
    push_scope();
    Result<Flow> flow = run_block(block, out);
    pop_scope();
    return flow;
  }

  Status assign(const Target& target, const Value& value) {
    if (!target.parts.empty()) return assign_tuple(target, value);
    if (target.attribute.empty()) {
      scope_->set(target.name, value);
      return Status::ok();
    }
    const Value* holder = scope_->find(target.name);
    auto* space =
        holder && holder->is_object() ? dynamic_cast<Namespace*>(holder->as_object().get()) : nullptr;
    if (!space) {
      return located(target.position, Status::invalid("'", target.name,
                                                      "' is no namespace; only attributes of "
                                                      "namespace() can be set"));
    }
    const Status status = space->set(heap_, target.attribute, value);
    return status.is_ok() ? status : located(target.position, status);
  }

  Status assign_tuple(const Target& target, const Value& value) {
    auto items = items_of(heap_, value);
    if (!items.is_ok()) return located(target.position, items.status());
    if (items->size() != target.parts.size()) {
      return located(target.position, Status::invalid("cannot unpack ", items->size(), " values into ",
                                                      target.parts.size(), " names"));
    }
    for (size_t i = 0; i < items->size(); ++i) DUNLIN_RETURN_IF_ERROR(assign(target.parts[i], (*items)[i]));
    return Status::ok();
  }

  // --- output ---

  Status print(Position position, const MarkedText& text, MarkedText& out) {
    if (text.size() > heap_.limits().output_bytes - out.size()) {
      return located(position, Status::exhausted("the template prints more than ",
                                                 heap_.limits().output_bytes, " bytes"));
    }
    const Status status = heap_.reserve_text(text.size() + text.runs().size() * sizeof(MarkedText::Run));
    if (!status.is_ok()) return located(position, status);
    out.append(text);
    return Status::ok();
  }

  // --- statements ---

  Result<Flow> run_block(const Block& block, MarkedText& out) {
    for (const Statement& statement : block) {
      DUNLIN_ASSIGN_OR_RETURN(const Flow flow, run_statement(statement, out));
      if (flow != Flow::kNext) return flow;
    }
    return Flow::kNext;
  }

  Result<Flow> run_statement(const Statement& statement, MarkedText& out) {
    const Evaluator::Nesting nesting(evaluator_);
    DUNLIN_RETURN_IF_ERROR(nesting.enter(statement.position));
    return std::visit([&](const auto& node) { return run(node, statement.position, out); }, statement.node);
  }

  Result<Flow> run(const TextStatement& node, Position position, MarkedText& out) {
    DUNLIN_RETURN_IF_ERROR(print(position, node.text.as_text(), out));
    return Flow::kNext;
  }

  Result<Flow> run(const PrintStatement& node, Position position, MarkedText& out) {
    DUNLIN_ASSIGN_OR_RETURN(const Value value, evaluator_.evaluate(*node.value));
    if (value.is_string()) {
      DUNLIN_RETURN_IF_ERROR(print(position, value.as_text(), out));
      return Flow::kNext;
    }
    const auto text = text_of(heap_, value);
    if (!text.is_ok()) return located(position, text.status());
    DUNLIN_RETURN_IF_ERROR(print(position, *text, out));
    return Flow::kNext;
  }

  Result<Flow> run(const IfStatement& node, Position, MarkedText& out) {
    for (const IfStatement::Branch& branch : node.branches) {
      DUNLIN_ASSIGN_OR_RETURN(const Value condition, evaluator_.evaluate(*branch.condition));
      if (is_true(condition)) return run_block(branch.body, out);
    }
    return run_block(node.otherwise, out);
  }

  Result<Flow> run(const ForStatement& node, Position position, MarkedText& out) {
    DUNLIN_ASSIGN_OR_RETURN(const Value iterable, evaluator_.evaluate(*node.items));
    auto items = items_of(heap_, iterable);
    if (!items.is_ok()) return located(node.items->position, items.status());
    if (node.condition) {
      DUNLIN_ASSIGN_OR_RETURN(*items, chosen_items(node, std::move(*items)));
    }
    if (items->empty()) return run_scoped(node.otherwise, out);
    const auto loop = std::make_shared<Loop>(std::move(*items));
    Result<Flow> flow = run_loop(node, loop, position, out);
    loop->end();
    return flow;
  }

  // The items for which the loop's condition holds.
  Result<std::vector<Value>> chosen_items(const ForStatement& node, std::vector<Value> items) {
    std::vector<Value> chosen;
    for (Value& item : items) {
      push_scope();
      Status status = assign(node.target, item);
      Result<Value> condition = status.is_ok() ? evaluator_.evaluate(*node.condition) : Result<Value>(status);
      pop_scope();
      if (!condition.is_ok()) return condition.status();
      if (is_true(*condition)) chosen.push_back(std::move(item));
    }
    return chosen;
  }

  Result<Flow> run_loop(const ForStatement& node, const std::shared_ptr<Loop>& loop, Position position,
                        MarkedText& out) {
    for (size_t i = 0; i < loop->size(); ++i) {
      const Status step = heap_.step();
      if (!step.is_ok()) return located(position, step);
      loop->move_to(i);
      push_scope();
      scope_->set("loop", Value::object(loop));
      const Status assigned = assign(node.target, loop->item(i));
      Result<Flow> flow = assigned.is_ok() ? run_block(node.body, out) : Result<Flow>(assigned);
      pop_scope();
      if (!flow.is_ok()) return flow;
      if (*flow == Flow::kBreak) break;
    }
    return Flow::kNext;
  }

  Result<Flow> run(const SetStatement& node, Position, MarkedText&) {
    DUNLIN_ASSIGN_OR_RETURN(const Value value, evaluator_.evaluate(*node.value));
    DUNLIN_RETURN_IF_ERROR(assign(node.target, value));
    return Flow::kNext;
  }

  Result<Flow> run(const SetBlockStatement& node, Position position, MarkedText&) {
    MarkedText body;
    DUNLIN_ASSIGN_OR_RETURN(const Flow flow, run_scoped(node.body, body));
    if (flow != Flow::kNext) return flow;
    DUNLIN_ASSIGN_OR_RETURN(const Value value, filtered(std::move(body), node.filters, position));
    DUNLIN_RETURN_IF_ERROR(assign(node.target, value));
    return Flow::kNext;
  }

  Result<Flow> run(const FilterStatement& node, Position position, MarkedText& out) {
    MarkedText body;
    DUNLIN_ASSIGN_OR_RETURN(const Flow flow, run_scoped(node.body, body));
    if (flow != Flow::kNext) return flow;
    DUNLIN_ASSIGN_OR_RETURN(const Value value, filtered(std::move(body), node.filters, position));
    const auto text = text_of(heap_, value);
    if (!text.is_ok()) return located(position, text.status());
    DUNLIN_RETURN_IF_ERROR(print(position, *text, out));
    return Flow::kNext;
  }

  Result<Value> filtered(MarkedText body, const std::vector<Suffix>& filters, Position position) {
    Result<Value> text = heap_.string(std::move(body));
    if (!text.is_ok()) return located(position, text.status());
    Value value = std::move(*text);
    for (const Suffix& filter : filters) {
      DUNLIN_ASSIGN_OR_RETURN(value, evaluator_.apply(filter, value));
    }
    return value;
  }

  Result<Flow> run(const ScopeStatement& node, Position, MarkedText& out) {
    std::vector<Value> values;
    for (const auto& [target, expression] : node.assignments) {
      DUNLIN_ASSIGN_OR_RETURN(Value value, evaluator_.evaluate(*expression));
      values.push_back(std::move(value));
    }
    push_scope();
    Status status;
    for (size_t i = 0; i < values.size() && status.is_ok(); ++i) {
      status = assign(node.assignments[i].first, values[i]);
    }
    Result<Flow> flow = status.is_ok() ? run_block(node.body, out) : Result<Flow>(status);
    pop_scope();
    return flow;
  }

  Result<Flow> run(const BreakStatement&, Position, MarkedText&) { return Flow::kBreak; }
  Result<Flow> run(const ContinueStatement&, Position, MarkedText&) { return Flow::kContinue; }

  // --- macros ---

  Result<Flow> run(const MacroStatement& node, Position position, MarkedText&) {
    if (captured_scopes_.empty() || captured_scopes_.back() != scope_) captured_scopes_.push_back(scope_);
    scope_->set(node.name, Value::object(std::make_shared<Macro>(*this, node, position, scope_)));
    return Flow::kNext;
  }

  // In the macro's scope.
  Result<Value> run_macro(const Macro& macro, const Arguments& arguments) {
    DUNLIN_RETURN_IF_ERROR(bind_parameters(macro, arguments));
    MarkedText out;
    DUNLIN_ASSIGN_OR_RETURN(const Flow flow, run_block(macro.source().body, out));
    DUNLIN_CHECK(flow == Flow::kNext);
    auto text = heap_.string(std::move(out));
    if (!text.is_ok()) return located(macro.position(), text.status());
    return text;
  }

  Status bind_parameters(const Macro& macro, const Arguments& arguments) {
    const auto& parameters = macro.source().parameters;
    std::vector<std::string_view> names;
    for (const auto& parameter : parameters) names.push_back(parameter.name);
    std::vector<const Value*> given(parameters.size(), nullptr);
    const Status bound =
        bind_arguments(macro.source().name, arguments, names.data(), names.size(), 0, given.data());
    if (!bound.is_ok()) return located(macro.position(), bound);
    for (size_t i = 0; i < parameters.size(); ++i) {
      Value value = Value::undefined(str_cat("parameter '", parameters[i].name, "' was not given"));
      if (given[i]) {
        value = *given[i];
      } else if (parameters[i].default_value) {
        DUNLIN_ASSIGN_OR_RETURN(value, evaluator_.evaluate(*parameters[i].default_value));
      }
      scope_->set(parameters[i].name, std::move(value));
    }
    return Status::ok();
  }

  Heap& heap_;
  std::shared_ptr<Scope> scope_;  // the innermost
  Evaluator evaluator_;
  int call_depth_ = 0;
  std::vector<std::shared_ptr<Scope>> captured_scopes_;
};

Result<Value> Macro::call(Heap&, const Arguments& arguments) {
  return interpreter_.call_macro(*this, arguments);
}

}  // namespace

Result<MarkedText> run_template(const Template& parsed, const Globals& globals, Heap& heap) {
  return Interpreter(globals, heap).run(parsed);
}

}  // namespace dunlin::jinja
