// Reaching into values: attributes, items, slices, iteration.
#pragma once

#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/text/template/value.h"

namespace dunlin::jinja {

// value.name: a method or attribute, else the item of that name. What is not there is undefined, but asking
// an undefined value is an error.
Result<Value> get_attribute(Heap& heap, const Value& value, std::string_view name);
// value[key]: the item, else the method or attribute of that name.
Result<Value> get_item(Heap& heap, const Value& value, const Value& key);
// value["a"]["b"] for the path "a.b", value[0] for 0; whole numbers in a path are indices.
Result<Value> get_path(Heap& heap, const Value& value, const Value& path);
// value[start:stop:step] of a string or list; none and undefined bounds are open.
Result<Value> get_slice(Heap& heap, const Value& value, const Value& start, const Value& stop,
                        const Value& step);

bool is_iterable(const Value& value);
// The elements of a list, keys of a dict, characters of a string; none of undefined.
Result<std::vector<Value>> items_of(Heap& heap, const Value& value);
Result<int64_t> length_of(Heap& heap, const Value& value);

}  // namespace dunlin::jinja
