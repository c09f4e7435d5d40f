// How Python writes values: str() and repr().
#pragma once

#include <string>

#include "core/base/status.h"
#include "core/text/template/value.h"

namespace dunlin::jinja {

std::string float_text(double value);  // repr of a float: shortest digits that read back, "1.0", "1e+16"

// str(value): nothing for undefined, "None", "True", the text itself, and repr for containers. Text of
// messages stays marked; a number or boolean counts as template text, since it cannot spell a special token.
Result<MarkedText> text_of(Heap& heap, const Value& value);

// repr(value), as inside a printed list.
Result<MarkedText> repr_of(Heap& heap, const Value& value);

}  // namespace dunlin::jinja
