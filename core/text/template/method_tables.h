// The tables behind bind_method, one per type; rows live for the whole program.
#pragma once

#include <span>
#include <string_view>

#include "core/text/template/arguments.h"
#include "core/text/template/value.h"

namespace dunlin::jinja {

struct MethodRow {
  std::string_view name;
  // name: for messages. self is of the table's type.
  Result<Value> (*call)(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments);
};

std::span<const MethodRow> string_methods();
std::span<const MethodRow> list_methods();
std::span<const MethodRow> dict_methods();

}  // namespace dunlin::jinja
