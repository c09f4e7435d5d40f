// Loop: the variable `loop` in the body of a for statement. Always held by a shared_ptr.
#pragma once

#include <memory>
#include <vector>

#include "core/text/template/value.h"

namespace dunlin::jinja {

class Loop : public Object, public std::enable_shared_from_this<Loop> {
 public:
  explicit Loop(std::vector<Value> items) : items_(std::move(items)) {}

  size_t size() const { return items_.size(); }
  const Value& item(size_t index) const { return items_[index]; }
  void move_to(size_t index) { index_ = index; }
  // The loop is over; a template that kept the variable sees an empty one.
  void end();

  std::string_view type_name() const override { return "loop"; }
  // index index0 revindex revindex0 first last length previtem nextitem cycle changed, and depth and depth0,
  // which count only recursive loops and so are 1 and 0.
  Result<Value> attribute(Heap& heap, std::string_view name) override;

  // Whether the values differ from those of the last call.
  Result<Value> changed(Heap& heap, const std::vector<Value>& values);
  size_t index() const { return index_; }

 private:
  std::vector<Value> items_;
  size_t index_ = 0;
  bool has_seen_ = false;
  Value last_seen_;  // a tuple of the heap
};

}  // namespace dunlin::jinja
