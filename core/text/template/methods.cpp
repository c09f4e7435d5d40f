#include "core/text/template/methods.h"

#include "core/text/template/method_tables.h"

namespace dunlin::jinja {
namespace {

class BoundMethod : public Object {
 public:
  BoundMethod(Value self, const MethodRow& row) : self_(std::move(self)), row_(row) {}
  std::string_view type_name() const override { return "method"; }
  bool is_callable() const override { return true; }
  Result<Value> call(Heap& heap, const Arguments& arguments) override {
    return row_.call(heap, row_.name, self_, arguments);
  }

 private:
  const Value self_;
  const MethodRow& row_;
};

std::span<const MethodRow> methods_of(Kind kind) {
  switch (kind) {
    case Kind::kString:
      return string_methods();
    case Kind::kList:
      return list_methods();
    case Kind::kDict:
      return dict_methods();
    default:
      return {};
  }
}

}  // namespace

std::optional<Value> bind_method(const Value& value, std::string_view name) {
  for (const MethodRow& row : methods_of(value.kind())) {
    if (row.name == name) return Value::object(std::make_shared<BoundMethod>(value, row));
  }
  return std::nullopt;
}

}  // namespace dunlin::jinja
