#include "core/text/template/loop.h"

#include "core/text/template/arguments.h"
#include "core/text/template/heap.h"
#include "core/text/template/operators.h"

namespace dunlin::jinja {
namespace {

// loop.cycle(a, b, ...) and loop.changed(values...).
class LoopMethod : public Object {
 public:
  LoopMethod(std::shared_ptr<Loop> loop, bool is_cycle) : loop_(std::move(loop)), is_cycle_(is_cycle) {}
  std::string_view type_name() const override { return "method"; }
  bool is_callable() const override { return true; }
  Result<Value> call(Heap& heap, const Arguments& arguments) override {
    if (!arguments.named.empty()) return Status::invalid("loop: no arguments by name");
    if (!is_cycle_) return loop_->changed(heap, arguments.positional);
    if (arguments.positional.empty()) return Status::invalid("loop.cycle() needs items to choose from");
    return arguments.positional[loop_->index() % arguments.positional.size()];
  }

 private:
  const std::shared_ptr<Loop> loop_;
  const bool is_cycle_;
};

}  // namespace

void Loop::end() {
  items_.clear();
  index_ = 0;
  last_seen_ = Value();
}

Result<Value> Loop::attribute(Heap& heap, std::string_view name) {
  const auto at = int64_t(index_);
  const auto length = int64_t(items_.size());
  if (name == "index") return Value::integer(at + 1);
  if (name == "index0") return Value::integer(at);
  if (name == "first") return Value::boolean(at == 0);
  if (name == "last") return Value::boolean(at + 1 >= length);
  if (name == "length") return Value::integer(length);
  if (name == "revindex") return Value::integer(length - at);
  if (name == "revindex0") return Value::integer(length - at - 1);
  if (name == "depth") return Value::integer(1);
  if (name == "depth0") return Value::integer(0);
  if (name == "previtem")
    return at > 0 && at <= length ? items_[size_t(at - 1)] : Value::undefined("there is no previous item");
  if (name == "nextitem")
    return at + 1 < length ? items_[size_t(at + 1)] : Value::undefined("there is no next item");
  if (name == "cycle" || name == "changed") {
    return Value::object(std::make_shared<LoopMethod>(shared_from_this(), name == "cycle"));
  }
  return Object::attribute(heap, name);
}

Result<Value> Loop::changed(Heap& heap, const std::vector<Value>& values) {
  DUNLIN_ASSIGN_OR_RETURN(const Value seen, heap.tuple(values));
  bool same = false;
  if (has_seen_) {
    DUNLIN_ASSIGN_OR_RETURN(same, equals(heap, seen, last_seen_));
  }
  has_seen_ = true;
  last_seen_ = seen;
  return Value::boolean(!same);
}

}  // namespace dunlin::jinja
