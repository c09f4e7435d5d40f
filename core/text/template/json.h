// Conversion between Values and JSON text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/status.h"
#include "core/text/template/value.h"

namespace dunlin::jinja {

class Heap;

struct JsonLimits {
  size_t text_bytes = size_t(64) << 20;
  size_t values = 1'000'000;
  size_t depth = 64;
};

// Strings and containers get the origin given. A repeated key keeps its first place and its last value, as in
// Python; an integer beyond int64 becomes a float. Errors: kCorrupt with the byte offset, kResourceExhausted.
Result<Value> parse_json(std::string_view text, Origin origin = Origin::kMessage,
                         const JsonLimits& limits = {});

// The arguments of Python's json.dumps; the defaults are those of chat templates (no ASCII escaping).
struct JsonStyle {
  std::optional<std::string> indent;  // whitespace of one level; without it all goes on one line
  std::string item_separator = ", ";  // with indent: ","
  std::string key_separator = ": ";
  bool ensure_ascii = false;
  bool sort_keys = false;
};

// Text of strings keeps its marks, the rest has the origin of its container. Errors: kInvalidArgument for
// values that JSON cannot say (undefined, functions), kResourceExhausted.
Result<MarkedText> write_json(Heap& heap, const Value& value, const JsonStyle& style = {});

// The same for callers without a render of their own: the text alone.
Result<std::string> to_json(const Value& value, const JsonStyle& style = {});

}  // namespace dunlin::jinja
