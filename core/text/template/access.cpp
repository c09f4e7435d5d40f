#include "core/text/template/access.h"

#include <algorithm>
#include <charconv>

#include "core/text/template/heap.h"
#include "core/text/template/methods.h"
#include "core/text/template/unicode_text.h"

namespace dunlin::jinja {
namespace {

Value missing(const Value& value, std::string_view name) {
  return Value::undefined(
      str_cat("'", value.type_name(), " object' has no attribute '", name.substr(0, 80), "'"));
}

// The position of index in a sequence of this length; negative counts from the end.
std::optional<size_t> resolve_index(int64_t index, size_t length) {
  if (index < 0) index += int64_t(length);
  if (index < 0 || index >= int64_t(length)) return std::nullopt;
  return size_t(index);
}

Result<Value> character_at(Heap& heap, const MarkedText& text, int64_t index) {
  DUNLIN_RETURN_IF_ERROR(heap.reserve_text(text.size()));
  const std::string_view view = text.view();
  const auto position = resolve_index(index, count_code_points(view));
  if (!position) return Value::undefined(str_cat("the string has no character ", index));
  size_t at = 0;
  for (size_t i = 0; i < *position; ++i) at += code_point_at(view, at).length;
  return heap.string(text.slice(at, code_point_at(view, at).length));
}

// Python's reading of start:stop:step for a sequence: the indices start, start + step, ..., count of them.
struct SliceRange {
  int64_t start = 0;
  int64_t step = 1;
  int64_t count = 0;
};

Result<std::optional<int64_t>> slice_bound(const Value& value) {
  if (value.is_undefined() || value.is_none()) return std::optional<int64_t>();
  if (!value.is_int() && !value.is_bool()) {
    return Status::invalid("a slice needs whole numbers, not ", value.type_name());
  }
  return std::optional(value.as_int());
}

Result<SliceRange> resolve_slice(const Value& start, const Value& stop, const Value& step, int64_t length) {
  DUNLIN_ASSIGN_OR_RETURN(const auto first, slice_bound(start));
  DUNLIN_ASSIGN_OR_RETURN(const auto last, slice_bound(stop));
  DUNLIN_ASSIGN_OR_RETURN(const auto stride, slice_bound(step));
  // A stride beyond the length is as good as the length, and cannot overflow.
  const int64_t by = std::clamp<int64_t>(stride.value_or(1), -length - 1, length + 1);
  if (by == 0) return Status::invalid("the step of a slice is zero");
  const int64_t lowest = by > 0 ? 0 : -1;
  const int64_t highest = by > 0 ? length : length - 1;
  const auto clamped = [&](std::optional<int64_t> bound, int64_t open) {
    if (!bound) return open;
    return std::clamp(*bound < 0 ? *bound + length : *bound, lowest, highest);
  };
  const int64_t from = clamped(first, by > 0 ? lowest : highest);
  const int64_t to = clamped(last, by > 0 ? highest : lowest);
  const int64_t span = by > 0 ? to - from : from - to;
  const int64_t stride_size = by > 0 ? by : -by;
  return SliceRange{from, by, span > 0 ? (span + stride_size - 1) / stride_size : 0};
}

Result<Value> slice_text(Heap& heap, const MarkedText& text, const Value& start, const Value& stop,
                         const Value& step) {
  // The table of characters weighs a word per byte.
  DUNLIN_RETURN_IF_ERROR(heap.reserve_text(text.size() * (1 + sizeof(size_t))));
  const auto offsets = character_offsets(text.view());
  DUNLIN_ASSIGN_OR_RETURN(const SliceRange range,
                          resolve_slice(start, stop, step, int64_t(offsets.size()) - 1));
  if (range.count == 0) return heap.string(MarkedText());
  if (range.step == 1) {
    const size_t begin = offsets[size_t(range.start)];
    return heap.string(text.slice(begin, offsets[size_t(range.start + range.count)] - begin));
  }
  MarkedText out;
  for (int64_t i = 0; i < range.count; ++i) {
    const size_t at = size_t(range.start + i * range.step);
    out.append(text, offsets[at], offsets[at + 1] - offsets[at]);
  }
  return heap.string(std::move(out));
}

Result<Value> slice_list(Heap& heap, const List& list, const Value& start, const Value& stop,
                         const Value& step) {
  DUNLIN_ASSIGN_OR_RETURN(const SliceRange range,
                          resolve_slice(start, stop, step, int64_t(list.items.size())));
  DUNLIN_RETURN_IF_ERROR(heap.reserve_elements(size_t(range.count)));
  std::vector<Value> items;
  items.reserve(size_t(range.count));
  for (int64_t i = 0; i < range.count; ++i) items.push_back(list.items[size_t(range.start + i * range.step)]);
  return list.is_tuple ? heap.tuple(std::move(items)) : heap.list(std::move(items), list.origin);
}

}  // namespace

Result<Value> get_attribute(Heap& heap, const Value& value, std::string_view name) {
  if (value.is_undefined())
    return Status::invalid(value.why_undefined(), "; it has no attribute '", name, "'");
  if (value.is_object()) return value.as_object()->attribute(heap, name);
  if (auto method = bind_method(value, name)) return std::move(*method);
  if (value.is_dict()) {
    if (const Value* found = value.as_dict()->find(name)) return *found;
  }
  return missing(value, name);
}

Result<Value> get_item(Heap& heap, const Value& value, const Value& key) {
  if (value.is_undefined()) return Status::invalid(value.why_undefined(), "; it has no items");
  if (value.is_dict()) {
    if (key.is_string()) DUNLIN_RETURN_IF_ERROR(heap.reserve_text(key.as_text().size()));
    if (const Value* found = value.as_dict()->find(key)) return *found;
  }
  if (key.is_string()) {
    const std::string_view name = key.as_text().view();
    if (value.is_object()) return value.as_object()->attribute(heap, name);
    if (auto method = bind_method(value, name)) return std::move(*method);
    return missing(value, name);
  }
  const bool is_index = key.is_int() || key.is_bool();
  if (value.is_string() && is_index) return character_at(heap, value.as_text(), key.as_int());
  if (value.is_list() && is_index) {
    const auto& items = value.as_list()->items;
    if (const auto at = resolve_index(key.as_int(), items.size())) return items[*at];
    return Value::undefined(str_cat("the ", value.type_name(), " has no element ", key.as_int()));
  }
  return Value::undefined(str_cat("a ", value.type_name(), " has no such item"));
}

Result<Value> get_path(Heap& heap, const Value& value, const Value& path) {
  if (!path.is_string()) return get_item(heap, value, path);
  Value current = value;
  std::string_view rest = path.as_text().view();
  for (;;) {
    const size_t dot = std::min(rest.find('.'), rest.size());
    const std::string_view part = rest.substr(0, dot);
    int64_t index = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool is_index = error == std::errc() && end == part.data() + part.size() && part[0] != '-';
    const Value key = is_index ? Value::integer(index) : Value::string(std::string(part), Origin::kTemplate);
    DUNLIN_RETURN_IF_ERROR(heap.step());
    DUNLIN_ASSIGN_OR_RETURN(current, get_item(heap, current, key));
    if (dot == rest.size()) return current;
    rest.remove_prefix(dot + 1);
  }
}

Result<Value> get_slice(Heap& heap, const Value& value, const Value& start, const Value& stop,
                        const Value& step) {
  if (value.is_undefined()) return Status::invalid(value.why_undefined(), "; it has no items");
  if (value.is_string()) return slice_text(heap, value.as_text(), start, stop, step);
  if (value.is_list()) return slice_list(heap, *value.as_list(), start, stop, step);
  return Value::undefined(str_cat("a ", value.type_name(), " has no slices"));
}

bool is_iterable(const Value& value) {
  return value.is_undefined() || value.is_string() || value.is_list() || value.is_dict();
}

Result<std::vector<Value>> items_of(Heap& heap, const Value& value) {
  std::vector<Value> items;
  switch (value.kind()) {
    case Kind::kUndefined:
      return items;
    case Kind::kList:
      DUNLIN_RETURN_IF_ERROR(heap.reserve_elements(value.as_list()->items.size()));
      return value.as_list()->items;
    case Kind::kDict:
      DUNLIN_RETURN_IF_ERROR(heap.reserve_elements(value.as_dict()->size()));
      items.reserve(value.as_dict()->size());
      for (const Dict::Entry& entry : value.as_dict()->entries()) items.push_back(entry.key);
      return items;
    case Kind::kString: {
      const MarkedText& text = value.as_text();
      DUNLIN_RETURN_IF_ERROR(heap.reserve_elements(count_code_points(text.view())));
      for (size_t at = 0; at < text.size();) {
        const size_t length = code_point_at(text.view(), at).length;
        DUNLIN_ASSIGN_OR_RETURN(Value character, heap.string(text.slice(at, length)));
        items.push_back(std::move(character));
        at += length;
      }
      return items;
    }
    default:
      return Status::invalid("a ", value.type_name(), " cannot be iterated");
  }
}

Result<int64_t> length_of(Heap& heap, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return 0;
    case Kind::kString:
      DUNLIN_RETURN_IF_ERROR(heap.reserve_text(value.as_text().size()));
      return int64_t(count_code_points(value.as_text().view()));
    case Kind::kList:
      return int64_t(value.as_list()->items.size());
    case Kind::kDict:
      return int64_t(value.as_dict()->size());
    default:
      return Status::invalid("a ", value.type_name(), " has no length");
  }
}

}  // namespace dunlin::jinja
