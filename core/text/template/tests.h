// The tests of templates: `value is name(arguments)`.
#pragma once

#include <string_view>

#include "core/text/template/arguments.h"
#include "core/text/template/value.h"

namespace dunlin::jinja {

// Errors: kUnsupported for an unknown name, else those of the test.
Result<bool> apply_test(Heap& heap, std::string_view name, const Value& value, const Arguments& arguments);

}  // namespace dunlin::jinja
