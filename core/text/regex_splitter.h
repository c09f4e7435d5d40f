// RegexSplitter: a regular expression of a tokenizer.json for which Dunlin has no matcher of its own. The
// expression comes from outside, so that PCRE2 gets bounds on its steps, depth and memory.
//
// Immutable after compile(); any number of threads may use one.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace dunlin {

// In bytes of the text.
struct RegexMatch {
  size_t begin = 0;
  size_t end = 0;
};

class RegexSplitter {
 public:
  virtual ~RegexSplitter() = default;

  // kUnsupported if PCRE2 does not take the expression, or reads it otherwise than Hugging Face's engine.
  static Result<std::shared_ptr<const RegexSplitter>> compile(std::string_view regex,
                                                              const std::string& source);

  // Replaces out with the matches that are not empty, in order, without overlap. kInvalidArgument if the text
  // makes the expression exceed its bounds.
  virtual Status find_all(std::string_view valid_utf8, std::vector<RegexMatch>& out) const = 0;
};

}  // namespace dunlin
