// The arguments of a call in a template, and how a built-in function takes them by position or by name.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/template/value.h"

namespace dunlin::jinja {

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  size_t size() const { return positional.size() + named.size(); }
};

// Fills slots, one per name; a slot stays null where the call gives nothing. The pointers borrow from
// arguments. An error names the function: too many arguments, an unknown name, one given twice, or a required
// one missing.
Status bind_arguments(std::string_view function, const Arguments& arguments, const std::string_view* names,
                      size_t n_names, size_t n_required, const Value** slots);

template <size_t N>
using BoundArguments = std::array<const Value*, N>;

template <size_t N>
Result<BoundArguments<N>> bind_arguments(std::string_view function, const Arguments& arguments,
                                         const std::string_view (&names)[N], size_t n_required = 0) {
  BoundArguments<N> slots{};
  DUNLIN_RETURN_IF_ERROR(bind_arguments(function, arguments, names, N, n_required, slots.data()));
  return slots;
}

// For functions without parameters.
Status expect_no_arguments(std::string_view function, const Arguments& arguments);

}  // namespace dunlin::jinja
