// PreTokenizer: cuts a text into pre-tokens, which BPE never merges across. Each step cuts every piece that
// the one before left into the matches of its pattern and the text between; the end of a piece counts as the
// end of the text.
//
// The steps match code points with hand-written matchers, linear in the text; only SplitRule::kRegex needs
// PCRE2, whose steps, depth and memory are bounded.
//
// Immutable after create(); any number of threads may use one.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/text/regex_splitter.h"
#include "core/text/split_rules.h"

namespace dunlin {

class PreTokenizer {
 public:
  PreTokenizer() = default;  // leaves a text whole

  // Compiles the regular expressions; source names the file in errors.
  static Result<PreTokenizer> create(std::span<const SplitStep> steps, const std::string& source);

  // Replaces out with the pre-tokens, in order: views into text, which must be valid UTF-8 and below 4 GiB.
  Status split(std::string_view text, std::vector<std::string_view>& out) const;

 private:
  struct Step {
    SplitRule rule = SplitRule::kGpt2;
    SplitKeep keep = SplitKeep::kBoth;
    std::shared_ptr<const RegexSplitter> regex;
  };
  std::vector<Step> steps_;
};

}  // namespace dunlin
