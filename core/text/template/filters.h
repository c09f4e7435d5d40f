// The filters of templates: `value | name(arguments)`.
#pragma once

#include <span>
#include <string_view>

#include "core/text/template/arguments.h"
#include "core/text/template/value.h"

namespace dunlin::jinja {

// name: for messages.
using Filter = Result<Value> (*)(Heap& heap, std::string_view name, const Value& input,
                                 const Arguments& arguments);

struct FilterRow {
  std::string_view name;
  Filter apply;
};

// The tables, by what they work on; rows live for the whole program.
std::span<const FilterRow> text_filters();
std::span<const FilterRow> value_filters();
std::span<const FilterRow> sequence_filters();

// Errors: kUnsupported for an unknown name, else those of the filter.
Result<Value> apply_filter(Heap& heap, std::string_view name, const Value& input, const Arguments& arguments);

}  // namespace dunlin::jinja
