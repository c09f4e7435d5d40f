// The statement grammar: template source to syntax tree.
#pragma once

#include <memory>
#include <string_view>

#include "core/base/status.h"
#include "core/text/template/ast.h"

namespace dunlin::jinja {

// Errors carry line:column: kCorrupt for malformed source, kUnsupported for statements that are left out on
// purpose (include, import, from, extends, block, call, recursive loops), kResourceExhausted for its limits.
Result<std::shared_ptr<const Template>> parse_template(std::string_view source);

}  // namespace dunlin::jinja
