// The methods of strings, lists and dicts.
#pragma once

#include <optional>
#include <string_view>

#include "core/text/template/value.h"

namespace dunlin::jinja {

// value.name as something to call, if values of this kind have such a method.
std::optional<Value> bind_method(const Value& value, std::string_view name);

}  // namespace dunlin::jinja
