// The hand-written matchers of the SplitRules.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/text/split_rules.h"

namespace dunlin {

// A piece of text as code points and their classes (CodePointClass).
struct CodePointSpan {
  const char32_t* code_points = nullptr;
  const uint8_t* classes = nullptr;
  size_t size = 0;
};

// The length of the match of a rule that begins at `at` (< piece.size), in code points; 0 if there is none.
// The rule is any but kRegex. Matching a piece from left to right is linear.
size_t match_split_rule(SplitRule rule, const CodePointSpan& piece, size_t at);

}  // namespace dunlin
