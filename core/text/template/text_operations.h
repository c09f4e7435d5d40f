// String operations that methods and filters share, bounded by the heap.
#pragma once

#include <vector>

#include "core/base/status.h"
#include "core/text/template/unicode_text.h"
#include "core/text/template/value.h"

namespace dunlin::jinja {

// characters: null or none for whitespace.
Result<Value> strip_value(Heap& heap, const MarkedText& text, Side side, const Value* characters);

// Every old_text, at most limit times (negative: all), becomes new_text. The size is known before it is made.
Result<Value> replace_text(Heap& heap, const MarkedText& text, const MarkedText& old_text,
                           const MarkedText& new_text, int64_t limit);

// str() of each item, with the separator between them.
Result<Value> join_values(Heap& heap, const MarkedText& separator, const std::vector<Value>& items);

Result<Value> list_of_texts(Heap& heap, const std::vector<MarkedText>& texts);

}  // namespace dunlin::jinja
