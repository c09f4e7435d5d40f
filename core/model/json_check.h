// check_json: bounds what a JSON text may do to a parser that builds a document of it. Run it first, then
// parse.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/status.h"

namespace dunlin {

struct JsonLimits {
  uint64_t max_bytes = uint64_t(64) << 20;
  uint64_t max_depth = 64;
  uint64_t max_values = 4'000'000;  // numbers, strings, literals, containers: bounds the document's memory
};

// Well-formed, within the limits, and no key twice in an object. source names the text in errors.
Status check_json(std::string_view text, std::string_view source, const JsonLimits& limits = {});

}  // namespace dunlin
