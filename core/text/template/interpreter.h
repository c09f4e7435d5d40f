// The interpreter: runs a syntax tree over variables and collects what it prints.
#pragma once

#include <memory>
#include <string_view>

#include "core/base/status.h"
#include "core/text/template/ast.h"
#include "core/text/template/value.h"

namespace dunlin::jinja {

// Variables of the render by name. The names must outlive the run.
using Globals = std::vector<std::pair<std::string_view, Value>>;

// Runs the template once, on a heap of its own. Errors carry line:column, but for raise_exception, whose
// message comes as it is: kInvalidArgument for what the template cannot do with its values, kUnsupported for
// filters, tests and functions that do not exist, kResourceExhausted for the heap's limits.
Result<MarkedText> run_template(const Template& parsed, const Globals& globals, Heap& heap);

}  // namespace dunlin::jinja
