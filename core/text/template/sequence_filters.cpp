// Filters on lists, dicts and the characters of strings. Where Jinja makes a generator these make a list.
#include <algorithm>

#include "core/text/template/access.h"
#include "core/text/template/filters.h"
#include "core/text/template/heap.h"
#include "core/text/template/operators.h"
#include "core/text/template/python_text.h"
#include "core/text/template/tests.h"
#include "core/text/template/text_operations.h"
#include "core/text/template/unicode_text.h"

namespace dunlin::jinja {
namespace {

bool flag(const Value* value) {
  return value && is_true(*value);
}

// --- ends ---

Result<Value> filter_first(Heap& heap, std::string_view name, const Value& input,
                           const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
  DUNLIN_ASSIGN_OR_RETURN(const auto items, items_of(heap, input));
  return items.empty() ? Value::undefined("an empty sequence has no first item") : items.front();
}

Result<Value> filter_last(Heap& heap, std::string_view name, const Value& input, const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
  DUNLIN_ASSIGN_OR_RETURN(const auto items, items_of(heap, input));
  return items.empty() ? Value::undefined("an empty sequence has no last item") : items.back();
}

Result<Value> filter_list(Heap& heap, std::string_view name, const Value& input, const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
  DUNLIN_ASSIGN_OR_RETURN(auto items, items_of(heap, input));
  return heap.list(std::move(items));
}

Result<Value> filter_reverse(Heap& heap, std::string_view name, const Value& input,
                             const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
  if (input.is_string()) return get_slice(heap, input, Value::none(), Value::none(), Value::integer(-1));
  DUNLIN_ASSIGN_OR_RETURN(auto items, items_of(heap, input));
  std::reverse(items.begin(), items.end());
  return heap.list(std::move(items));
}

Result<Value> filter_join(Heap& heap, std::string_view name, const Value& input, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"d", "attribute"}));
  DUNLIN_ASSIGN_OR_RETURN(auto items, items_of(heap, input));
  if (bound[1] && !bound[1]->is_none()) {
    for (Value& item : items) {
      DUNLIN_ASSIGN_OR_RETURN(item, get_path(heap, item, *bound[1]));
    }
  }
  MarkedText separator;
  if (bound[0]) {
    DUNLIN_ASSIGN_OR_RETURN(separator, text_of(heap, *bound[0]));
  }
  return join_values(heap, separator, items);
}

// --- order ---

struct Keyed {
  Value key;
  Value item;
};

// What an item is compared by: its member if a path is given, in lower case unless case matters.
Result<Value> sort_key(Heap& heap, const Value& item, const Value* path, bool case_sensitive) {
  Value key = item;
  if (path && !path->is_none()) {
    DUNLIN_ASSIGN_OR_RETURN(key, get_path(heap, item, *path));
  }
  if (case_sensitive || !key.is_string()) return key;
  return heap.string(change_case(key.as_text(), LetterCase::kLower));
}

Result<std::vector<Keyed>> keyed_items(Heap& heap, std::vector<Value> items, const Value* path,
                                       bool case_sensitive) {
  DUNLIN_RETURN_IF_ERROR(heap.reserve_elements(2 * items.size()));
  std::vector<Keyed> keyed;
  keyed.reserve(items.size());
  for (Value& item : items) {
    DUNLIN_ASSIGN_OR_RETURN(Value key, sort_key(heap, item, path, case_sensitive));
    keyed.push_back({std::move(key), std::move(item)});
  }
  return keyed;
}

// Stable, also when reversed. The first failed comparison ends the sorting and is returned.
Status sort_keyed(Heap& heap, std::vector<Keyed>& items, bool reverse) {
  Status failure;
  const auto precedes = [&](const Keyed& a, const Keyed& b) {
    if (!failure.is_ok()) return false;
    const Result<bool> less = reverse ? is_less(heap, b.key, a.key) : is_less(heap, a.key, b.key);
    if (!less.is_ok()) failure = less.status();
    return less.is_ok() && *less;
  };
  std::stable_sort(items.begin(), items.end(), precedes);
  return failure;
}

Result<Value> list_of_items(Heap& heap, std::vector<Keyed> keyed) {
  std::vector<Value> items;
  items.reserve(keyed.size());
  for (Keyed& entry : keyed) items.push_back(std::move(entry.item));
  return heap.list(std::move(items));
}

Result<Value> filter_sort(Heap& heap, std::string_view name, const Value& input, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound,
                          bind_arguments(name, arguments, {"reverse", "case_sensitive", "attribute"}));
  DUNLIN_ASSIGN_OR_RETURN(auto items, items_of(heap, input));
  DUNLIN_ASSIGN_OR_RETURN(auto keyed, keyed_items(heap, std::move(items), bound[2], flag(bound[1])));
  DUNLIN_RETURN_IF_ERROR(sort_keyed(heap, keyed, flag(bound[0])));
  return list_of_items(heap, std::move(keyed));
}

Result<Value> filter_items(Heap& heap, std::string_view name, const Value& input,
                           const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
  if (input.is_undefined()) return heap.list({});
  if (!input.is_dict()) return Status::invalid("items: a ", input.type_name(), " is no dict");
  std::vector<Value> pairs;
  pairs.reserve(input.as_dict()->size());
  for (const Dict::Entry& entry : input.as_dict()->entries()) {
    DUNLIN_ASSIGN_OR_RETURN(Value pair, heap.tuple({entry.key, entry.value}));
    pairs.push_back(std::move(pair));
  }
  return heap.list(std::move(pairs));
}

Result<Value> filter_dictsort(Heap& heap, std::string_view name, const Value& input,
                              const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound,
                          bind_arguments(name, arguments, {"case_sensitive", "by", "reverse"}));
  const bool by_value = bound[1] && bound[1]->is_text("value");
  if (bound[1] && !by_value && !bound[1]->is_text("key"))
    return Status::invalid("dictsort: by 'key' or 'value'");
  if (!input.is_dict()) return Status::invalid("dictsort: a ", input.type_name(), " is no dict");
  DUNLIN_ASSIGN_OR_RETURN(const Value pairs, filter_items(heap, name, input, {}));
  const Value position = Value::integer(by_value ? 1 : 0);
  DUNLIN_ASSIGN_OR_RETURN(auto keyed, keyed_items(heap, pairs.as_list()->items, &position, flag(bound[0])));
  DUNLIN_RETURN_IF_ERROR(sort_keyed(heap, keyed, flag(bound[2])));
  return list_of_items(heap, std::move(keyed));
}

template <bool kLargest>
Result<Value> filter_extreme(Heap& heap, std::string_view name, const Value& input,
                             const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"case_sensitive", "attribute"}));
  DUNLIN_ASSIGN_OR_RETURN(auto items, items_of(heap, input));
  DUNLIN_ASSIGN_OR_RETURN(const auto keyed, keyed_items(heap, std::move(items), bound[1], flag(bound[0])));
  if (keyed.empty()) return Value::undefined(str_cat(name, ": the sequence is empty"));
  const Keyed* best = &keyed.front();
  for (const Keyed& entry : keyed) {
    DUNLIN_ASSIGN_OR_RETURN(const bool better, kLargest ? is_less(heap, best->key, entry.key)
                                                        : is_less(heap, entry.key, best->key));
    if (better) best = &entry;
  }
  return best->item;
}

// The first item of each key, in the order of the input.
Result<Value> filter_unique(Heap& heap, std::string_view name, const Value& input,
                            const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"case_sensitive", "attribute"}));
  DUNLIN_ASSIGN_OR_RETURN(auto items, items_of(heap, input));
  DUNLIN_ASSIGN_OR_RETURN(auto keyed, keyed_items(heap, std::move(items), bound[1], flag(bound[0])));
  Dict seen;
  std::vector<Value> unique;
  for (Keyed& entry : keyed) {
    if (!Dict::is_valid_key(entry.key))
      return Status::invalid("unique: cannot compare a ", entry.key.type_name());
    if (entry.key.is_string()) DUNLIN_RETURN_IF_ERROR(heap.reserve_text(entry.key.as_text().size()));
    if (seen.find(entry.key)) continue;
    seen.set(entry.key, Value::none());
    unique.push_back(std::move(entry.item));
  }
  return heap.list(std::move(unique));
}

// --- choice ---

// The arguments from the first on that follow a name.
Arguments without_first(const Arguments& arguments, size_t count) {
  Arguments rest;
  rest.positional.assign(arguments.positional.begin() + ptrdiff_t(count), arguments.positional.end());
  rest.named = arguments.named;
  return rest;
}

Result<Value> map_attribute(Heap& heap, const Value& input, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments("map", arguments, {"attribute", "default"}, 1));
  DUNLIN_ASSIGN_OR_RETURN(auto items, items_of(heap, input));
  for (Value& item : items) {
    DUNLIN_ASSIGN_OR_RETURN(item, get_path(heap, item, *bound[0]));
    if (item.is_undefined() && bound[1]) item = *bound[1];
  }
  return heap.list(std::move(items));
}

// map(attribute='name', default=...) or map('filter', arguments...).
Result<Value> filter_map(Heap& heap, std::string_view name, const Value& input, const Arguments& arguments) {
  if (arguments.positional.empty()) return map_attribute(heap, input, arguments);
  const Value& filter = arguments.positional.front();
  if (!filter.is_string()) return Status::invalid("map: the name of a filter must be a string");
  const Arguments rest = without_first(arguments, 1);
  DUNLIN_ASSIGN_OR_RETURN(auto items, items_of(heap, input));
  for (Value& item : items) {
    DUNLIN_ASSIGN_OR_RETURN(item, apply_filter(heap, filter.as_text().view(), item, rest));
  }
  return heap.list(std::move(items));
}

// select(test, arguments...) and its kin: kByAttribute takes the path of a member first; without a test the
// value itself decides.
template <bool kByAttribute, bool kKeeps>
Result<Value> filter_select(Heap& heap, std::string_view name, const Value& input,
                            const Arguments& arguments) {
  constexpr size_t kTestAt = kByAttribute ? 1 : 0;
  if (arguments.positional.size() < kTestAt) return Status::invalid(name, ": the attribute is missing");
  const bool has_test = arguments.positional.size() > kTestAt;
  if (has_test && !arguments.positional[kTestAt].is_string()) {
    return Status::invalid(name, ": the name of a test must be a string");
  }
  const Arguments rest = has_test ? without_first(arguments, kTestAt + 1) : Arguments{};
  DUNLIN_ASSIGN_OR_RETURN(auto items, items_of(heap, input));
  std::vector<Value> kept;
  for (Value& item : items) {
    DUNLIN_RETURN_IF_ERROR(heap.step());
    Value tested = item;
    if (kByAttribute) {
      DUNLIN_ASSIGN_OR_RETURN(tested, get_path(heap, item, arguments.positional[0]));
    }
    bool holds = is_true(tested);
    if (has_test) {
      const std::string_view test = arguments.positional[kTestAt].as_text().view();
      DUNLIN_ASSIGN_OR_RETURN(holds, apply_test(heap, test, tested, rest));
    }
    if (holds == kKeeps) kept.push_back(std::move(item));
  }
  return heap.list(std::move(kept));
}

constexpr FilterRow kSequenceFilters[] = {
    {"dictsort", filter_dictsort},
    {"first", filter_first},
    {"items", filter_items},
    {"join", filter_join},
    {"last", filter_last},
    {"list", filter_list},
    {"map", filter_map},
    {"max", filter_extreme<true>},
    {"min", filter_extreme<false>},
    {"reject", filter_select<false, false>},
    {"rejectattr", filter_select<true, false>},
    {"reverse", filter_reverse},
    {"select", filter_select<false, true>},
    {"selectattr", filter_select<true, true>},
    {"sort", filter_sort},
    {"unique", filter_unique},
};

}  // namespace

std::span<const FilterRow> sequence_filters() {
  return kSequenceFilters;
}

}  // namespace dunlin::jinja
