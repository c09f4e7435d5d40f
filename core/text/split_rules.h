// SplitStep: one pattern of a pre-tokenizer, as data. The patterns that published tokenizers use have
// matchers of our own (pretokenize.h); any other one is a regular expression for PCRE2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dunlin {

enum class SplitRule : uint8_t {
  kGpt2,          // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  kLlama3,        // (?i:'s|...)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|...
  kQwen2,         // as kLlama3 with \p{N} for \p{N}{1,3}
  kNumber,        // \p{N}
  kNumberRun,     // \p{N}+
  kNewline,       // [\r\n]
  kSpaceLetters,  // \s?\p{L}+
  kSpacePunctuation,  // \s?\p{P}+
  kDeepseekCjk,       // [\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+
  kPunctuation,       // \p{P} or any of $+<=>^~|`
  kPunctuationRun,    // a run of these
  kThreeDigits,       // [0-9][0-9][0-9]
  kRegex,             // SplitStep::regex
};

// What becomes of a match and of the text between matches.
enum class SplitKeep : uint8_t { kBoth, kMatches, kBetween };

struct SplitStep {
  SplitRule rule = SplitRule::kGpt2;
  SplitKeep keep = SplitKeep::kBoth;
  std::string regex;  // of kRegex
};

// A pre-tokenizer that GGUF names in tokenizer.ggml.pre, with what else that name implies.
struct NamedPretokenizer {
  std::vector<SplitStep> steps;
  bool add_bos = false;
  bool ignore_merges = false;
  bool nfc = false;
};

std::optional<NamedPretokenizer> find_named_pretokenizer(std::string_view name);

// The names that find_named_pretokenizer knows, for messages.
std::string pretokenizer_names();

// The matcher of our own that does exactly what this expression says, if there is one.
std::optional<SplitRule> find_rule_of_regex(std::string_view regex);

}  // namespace dunlin
