// The escapes of a string literal in a template, which are those of Python.
#pragma once

#include <string>
#include <string_view>

#include "core/base/status.h"

namespace dunlin::jinja {

// The value of the text between the quotes. Unknown escapes stay as they are written.
Result<std::string> unescape_string(std::string_view body);

}  // namespace dunlin::jinja
