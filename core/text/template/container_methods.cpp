#include <algorithm>

#include "core/text/template/access.h"
#include "core/text/template/heap.h"
#include "core/text/template/method_tables.h"
#include "core/text/template/operators.h"

namespace dunlin::jinja {
namespace {

// --- lists ---

Status expect_mutable(std::string_view name, const List& list) {
  return list.is_tuple ? Status::invalid("a tuple has no method '", name, "'") : Status::ok();
}

Result<Value> list_append(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"item"}, 1));
  DUNLIN_RETURN_IF_ERROR(expect_mutable(name, *self.as_list()));
  DUNLIN_RETURN_IF_ERROR(heap.reserve_elements(1));
  self.as_list()->items.push_back(*bound[0]);
  return Value::none();
}

Result<Value> list_extend(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"items"}, 1));
  DUNLIN_RETURN_IF_ERROR(expect_mutable(name, *self.as_list()));
  DUNLIN_ASSIGN_OR_RETURN(const std::vector<Value> added, items_of(heap, *bound[0]));
  DUNLIN_RETURN_IF_ERROR(heap.reserve_elements(added.size()));
  auto& items = self.as_list()->items;
  items.insert(items.end(), added.begin(), added.end());
  return Value::none();
}

Result<Value> list_insert(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"index", "item"}, 2));
  DUNLIN_RETURN_IF_ERROR(expect_mutable(name, *self.as_list()));
  if (!bound[0]->is_int()) return Status::invalid("insert() needs a whole number as index");
  auto& items = self.as_list()->items;
  const int64_t length = int64_t(items.size());
  DUNLIN_RETURN_IF_ERROR(heap.reserve_elements(1));
  DUNLIN_RETURN_IF_ERROR(heap.step(items.size() / 64));
  const int64_t index = bound[0]->as_int();
  items.insert(items.begin() + std::clamp<int64_t>(index < 0 ? index + length : index, 0, length), *bound[1]);
  return Value::none();
}

Result<Value> list_pop(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"index"}));
  DUNLIN_RETURN_IF_ERROR(expect_mutable(name, *self.as_list()));
  if (bound[0] && !bound[0]->is_int()) return Status::invalid("pop() needs a whole number as index");
  auto& items = self.as_list()->items;
  const int64_t length = int64_t(items.size());
  const int64_t index = bound[0] ? bound[0]->as_int() : -1;
  const int64_t at = index < 0 ? index + length : index;
  if (at < 0 || at >= length) return Status::invalid("pop(): the list has no element ", index);
  DUNLIN_RETURN_IF_ERROR(heap.step(items.size() / 64));
  Value popped = items[size_t(at)];
  items.erase(items.begin() + at);
  return popped;
}

Result<Value> list_index(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"item"}, 1));
  const auto& items = self.as_list()->items;
  for (size_t i = 0; i < items.size(); ++i) {
    DUNLIN_ASSIGN_OR_RETURN(const bool same, equals(heap, items[i], *bound[0]));
    if (same) return Value::integer(int64_t(i));
  }
  return Status::invalid("index(): the item is not in the list");
}

Result<Value> list_count(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"item"}, 1));
  int64_t count = 0;
  for (const Value& item : self.as_list()->items) {
    DUNLIN_ASSIGN_OR_RETURN(const bool same, equals(heap, item, *bound[0]));
    count += same ? 1 : 0;
  }
  return Value::integer(count);
}

constexpr MethodRow kListMethods[] = {
    {"append", list_append}, {"count", list_count},   {"extend", list_extend},
    {"index", list_index},   {"insert", list_insert}, {"pop", list_pop},
};

// --- dicts ---

Result<Value> dict_get(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"key", "default"}, 1));
  if (bound[0]->is_string()) DUNLIN_RETURN_IF_ERROR(heap.reserve_text(bound[0]->as_text().size()));
  if (const Value* found = self.as_dict()->find(*bound[0])) return *found;
  return bound[1] ? *bound[1] : Value::none();
}

Result<Value> dict_items(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
  std::vector<Value> pairs;
  pairs.reserve(self.as_dict()->size());
  for (const Dict::Entry& entry : self.as_dict()->entries()) {
    DUNLIN_ASSIGN_OR_RETURN(Value pair, heap.tuple({entry.key, entry.value}));
    pairs.push_back(std::move(pair));
  }
  return heap.list(std::move(pairs));
}

Result<Value> dict_keys(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
  DUNLIN_ASSIGN_OR_RETURN(std::vector<Value> keys, items_of(heap, self));
  return heap.list(std::move(keys), self.as_dict()->origin);
}

Result<Value> dict_values(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
  std::vector<Value> values;
  values.reserve(self.as_dict()->size());
  for (const Dict::Entry& entry : self.as_dict()->entries()) values.push_back(entry.value);
  return heap.list(std::move(values), self.as_dict()->origin);
}

Result<Value> dict_copy(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
  const auto copy = heap.new_dict(self.as_dict()->origin);
  for (const Dict::Entry& entry : self.as_dict()->entries()) {
    DUNLIN_RETURN_IF_ERROR(heap.set(*copy, entry.key, entry.value));
  }
  return Value::dict(copy);
}

Result<Value> dict_pop(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"key", "default"}, 1));
  DUNLIN_RETURN_IF_ERROR(heap.step(1 + self.as_dict()->size()));
  if (auto removed = self.as_dict()->remove(*bound[0])) return std::move(*removed);
  if (bound[1]) return *bound[1];
  return Status::invalid("pop(): the dict has no such key");
}

Result<Value> dict_update(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  for (const Value& other : arguments.positional) {
    if (!other.is_dict()) return Status::invalid("update() needs a dict, not ", other.type_name());
    const auto entries = other.as_dict()->entries();  // a copy: other may be self
    DUNLIN_RETURN_IF_ERROR(heap.reserve_elements(entries.size()));
    for (const Dict::Entry& entry : entries)
      DUNLIN_RETURN_IF_ERROR(heap.set(*self.as_dict(), entry.key, entry.value));
  }
  for (const auto& [key, value] : arguments.named) {
    DUNLIN_RETURN_IF_ERROR(heap.set(*self.as_dict(), Value::string(key, Origin::kTemplate), value));
  }
  return Value::none();
}

constexpr MethodRow kDictMethods[] = {
    {"copy", dict_copy}, {"get", dict_get},       {"items", dict_items},   {"keys", dict_keys},
    {"pop", dict_pop},   {"update", dict_update}, {"values", dict_values},
};

}  // namespace

std::span<const MethodRow> list_methods() {
  return kListMethods;
}
std::span<const MethodRow> dict_methods() {
  return kDictMethods;
}

}  // namespace dunlin::jinja
