// The functions that every template can call, and namespaces.
#pragma once

#include <ctime>
#include <memory>

#include "core/text/template/value.h"

namespace dunlin::jinja {

// What namespace(...) makes: the one thing whose attributes a template may set from inside a loop.
class Namespace : public Object {
 public:
  explicit Namespace(std::shared_ptr<Dict> attributes) : attributes_(std::move(attributes)) {}
  std::string_view type_name() const override { return "namespace"; }
  Result<Value> attribute(Heap& heap, std::string_view name) override;
  Status set(Heap& heap, std::string_view name, Value value);

 private:
  const std::shared_ptr<Dict> attributes_;  // the heap's
};

Value range_function();            // range([start,] stop[, step]), at most 100,000 elements
Value dict_function();             // dict(other, name=value, ...)
Value namespace_function();        // namespace(other, name=value, ...)
Value raise_exception_function();  // ends the render with exactly this message
Value strftime_now_function(const std::tm& local_time);

}  // namespace dunlin::jinja
