// Python's two ways to fill in a format string, as far as chat templates use them.
#pragma once

#include "core/base/status.h"
#include "core/text/template/arguments.h"
#include "core/text/template/value.h"

namespace dunlin::jinja {

// format % values: %s %r %d %i %f %% with flags - 0 +, width and precision up to 1000. %c is left out on
// purpose: it would turn a number from a message into template text.
Result<Value> format_percent(Heap& heap, const MarkedText& format, const Value& values);

// format.format(...): {}, {0}, {name}, {{ and }}; no format specifications.
Result<Value> format_braces(Heap& heap, const MarkedText& format, const Arguments& arguments);

}  // namespace dunlin::jinja
