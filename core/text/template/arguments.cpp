#include "core/text/template/arguments.h"

namespace dunlin::jinja {

Status bind_arguments(std::string_view function, const Arguments& arguments, const std::string_view* names,
                      size_t n_names, size_t n_required, const Value** slots) {
  if (arguments.positional.size() > n_names) {
    return Status::invalid(function, "() takes at most ", n_names, " arguments, ",
                           arguments.positional.size(), " were given");
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) slots[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    size_t slot = 0;
    while (slot < n_names && names[slot] != name) ++slot;
    if (slot == n_names) return Status::invalid(function, "() has no parameter named '", name, "'");
    if (slots[slot]) return Status::invalid(function, "() was given '", name, "' twice");
    slots[slot] = &value;
  }
  for (size_t i = 0; i < n_required; ++i) {
    if (!slots[i]) return Status::invalid(function, "() needs its argument '", names[i], "'");
  }
  return Status::ok();
}

Status expect_no_arguments(std::string_view function, const Arguments& arguments) {
  return arguments.size() == 0 ? Status::ok() : Status::invalid(function, "() takes no arguments");
}

}  // namespace dunlin::jinja
