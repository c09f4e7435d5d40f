#include "core/text/template/globals.h"

#include "core/text/template/arguments.h"
#include "core/text/template/heap.h"
#include "core/text/template/python_text.h"
#include "core/text/template/time_format.h"

namespace dunlin::jinja {
namespace {

constexpr uint64_t kMaxRange = 100'000;

class Function : public Object {
 public:
  using Body = Result<Value> (*)(Heap& heap, const Arguments& arguments);
  explicit Function(Body body) : body_(body) {}
  std::string_view type_name() const override { return "function"; }
  bool is_callable() const override { return true; }
  Result<Value> call(Heap& heap, const Arguments& arguments) override { return body_(heap, arguments); }

 private:
  const Body body_;
};

class RaiseException : public Object {
 public:
  std::string_view type_name() const override { return "function"; }
  bool is_callable() const override { return true; }
  bool reports_own_errors() const override { return true; }
  Result<Value> call(Heap& heap, const Arguments& arguments) override {
    DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments("raise_exception", arguments, {"message"}, 1));
    DUNLIN_ASSIGN_OR_RETURN(const MarkedText message, text_of(heap, *bound[0]));
    return Status::invalid(message.view());
  }
};

class StrftimeNow : public Object {
 public:
  explicit StrftimeNow(const std::tm& local_time) : local_time_(local_time) {}
  std::string_view type_name() const override { return "function"; }
  bool is_callable() const override { return true; }
  Result<Value> call(Heap& heap, const Arguments& arguments) override {
    DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments("strftime_now", arguments, {"format"}, 1));
    if (!bound[0]->is_string()) return Status::invalid("strftime_now: the format must be a string");
    const MarkedText& format = bound[0]->as_text();
    DUNLIN_ASSIGN_OR_RETURN(std::string text, format_time(format.view(), local_time_));
    const Origin origin = format.has_message_text() ? Origin::kMessage : Origin::kTemplate;
    return heap.string(MarkedText(std::move(text), origin));
  }

 private:
  const std::tm local_time_;
};

Result<Value> make_range(Heap& heap, const Arguments& arguments) {
  const auto& given = arguments.positional;
  if (given.empty() || given.size() > 3 || !arguments.named.empty()) {
    return Status::invalid("range() takes one to three numbers");
  }
  for (const Value& number : given) {
    if (!number.is_int() && !number.is_bool()) {
      return Status::invalid("range() needs whole numbers, not ", number.type_name());
    }
  }
  const int64_t start = given.size() > 1 ? given[0].as_int() : 0;
  const int64_t stop = given.size() > 1 ? given[1].as_int() : given[0].as_int();
  const int64_t step = given.size() > 2 ? given[2].as_int() : 1;
  if (step == 0) return Status::invalid("range(): the step is zero");
  // Unsigned, where the distance of any two numbers fits.
  const bool runs = step > 0 ? start < stop : start > stop;
  const uint64_t distance = step > 0 ? uint64_t(stop) - uint64_t(start) : uint64_t(start) - uint64_t(stop);
  const uint64_t stride = step > 0 ? uint64_t(step) : 0 - uint64_t(step);
  const uint64_t count = runs ? (distance - 1) / stride + 1 : 0;
  if (count > kMaxRange) return Status::exhausted("range() of ", count, " elements; at most ", kMaxRange);
  DUNLIN_RETURN_IF_ERROR(heap.reserve_elements(count));
  std::vector<Value> numbers;
  numbers.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    numbers.push_back(Value::integer(int64_t(uint64_t(start) + i * uint64_t(step))));
  }
  return heap.list(std::move(numbers));
}

Result<std::shared_ptr<Dict>> dict_of(Heap& heap, std::string_view function, const Arguments& arguments) {
  auto dict = heap.new_dict();
  if (arguments.positional.size() > 1) return Status::invalid(function, "() takes one dict and named values");
  for (const Value& other : arguments.positional) {
    if (!other.is_dict()) return Status::invalid(function, "() needs a dict, not ", other.type_name());
    dict->origin = other.as_dict()->origin;
    for (const Dict::Entry& entry : other.as_dict()->entries()) {
      DUNLIN_RETURN_IF_ERROR(heap.set(*dict, entry.key, entry.value));
    }
  }
  for (const auto& [key, value] : arguments.named) {
    DUNLIN_RETURN_IF_ERROR(heap.set(*dict, Value::string(key, Origin::kTemplate), value));
  }
  return dict;
}

Result<Value> make_dict(Heap& heap, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(auto dict, dict_of(heap, "dict", arguments));
  return Value::dict(std::move(dict));
}

Result<Value> make_namespace(Heap& heap, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(auto dict, dict_of(heap, "namespace", arguments));
  return Value::object(std::make_shared<Namespace>(std::move(dict)));
}

}  // namespace

Result<Value> Namespace::attribute(Heap& heap, std::string_view name) {
  if (const Value* found = attributes_->find(name)) return *found;
  return Object::attribute(heap, name);
}

Status Namespace::set(Heap& heap, std::string_view name, Value value) {
  return heap.set(*attributes_, Value::string(std::string(name), Origin::kTemplate), std::move(value));
}

Value range_function() {
  return Value::object(std::make_shared<Function>(make_range));
}
Value dict_function() {
  return Value::object(std::make_shared<Function>(make_dict));
}
Value namespace_function() {
  return Value::object(std::make_shared<Function>(make_namespace));
}
Value raise_exception_function() {
  return Value::object(std::make_shared<RaiseException>());
}
Value strftime_now_function(const std::tm& local_time) {
  return Value::object(std::make_shared<StrftimeNow>(local_time));
}

}  // namespace dunlin::jinja
