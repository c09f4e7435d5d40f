#include "core/text/split_rules.h"

#include <array>

namespace dunlin {
namespace {

constexpr std::array kGpt2Steps = {SplitRule::kGpt2};
constexpr std::array kLlama3Steps = {SplitRule::kLlama3};
constexpr std::array kQwen2Steps = {SplitRule::kQwen2};
constexpr std::array kStarcoderSteps = {SplitRule::kNumber, SplitRule::kGpt2};
constexpr std::array kDeepseekCoderSteps = {SplitRule::kNewline, SplitRule::kSpaceLetters,
                                            SplitRule::kSpacePunctuation, SplitRule::kDeepseekCjk,
                                            SplitRule::kNumber};
constexpr std::array kFalconSteps = {SplitRule::kPunctuationRun, SplitRule::kGpt2, SplitRule::kThreeDigits};

struct NameRow {
  std::string_view name;
  const SplitRule* steps;
  size_t n_steps;
  bool add_bos;
  bool ignore_merges;
  bool nfc;
};

template <size_t N>
constexpr NameRow row(std::string_view name, const std::array<SplitRule, N>& steps, bool add_bos = false,
                      bool ignore_merges = false, bool nfc = false) {
  return {name, steps.data(), N, add_bos, ignore_merges, nfc};
}

// Qwen's tokenizer.json asks for NFC; a GGUF file cannot say so, so that the name implies it.
constexpr NameRow kNames[] = {
    row("gpt-2", kGpt2Steps),
    row("phi-2", kGpt2Steps),
    row("mellum", kGpt2Steps),
    row("llama-bpe", kLlama3Steps, /*add_bos=*/true, /*ignore_merges=*/true),
    row("llama3", kLlama3Steps, /*add_bos=*/true, /*ignore_merges=*/true),
    row("llama-v3", kLlama3Steps, /*add_bos=*/true, /*ignore_merges=*/true),
    row("qwen2", kQwen2Steps, /*add_bos=*/false, /*ignore_merges=*/false, /*nfc=*/true),
    row("deepseek-r1-qwen", kQwen2Steps, /*add_bos=*/false, /*ignore_merges=*/false, /*nfc=*/true),
    row("starcoder", kStarcoderSteps),
    row("refact", kStarcoderSteps),
    row("smollm", kStarcoderSteps),
    row("deepseek-coder", kDeepseekCoderSteps),
    row("falcon", kFalconSteps),
};

struct RegexRow {
  std::string_view regex;
  SplitRule rule;
};

constexpr RegexRow kRegexes[] = {
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", SplitRule::kGpt2},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|)"
     R"(\s+(?!\S)|\s+)",
     SplitRule::kLlama3},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|)"
     R"(\s+(?!\S)|\s+)",
     SplitRule::kQwen2},
    {R"(\p{N})", SplitRule::kNumber},
    {R"(\p{N}+)", SplitRule::kNumberRun},
    {R"([\r\n])", SplitRule::kNewline},
    {R"(\s?\p{L}+)", SplitRule::kSpaceLetters},
    {R"(\s?\p{P}+)", SplitRule::kSpacePunctuation},
    // [U+4E00-U+9FA5 U+0800-U+4E00 U+AC00-U+D7FF]+
    {"[\xE4\xB8\x80-\xE9\xBE\xA5\xE0\xA0\x80-\xE4\xB8\x80\xEA\xB0\x80-\xED\x9F\xBF]+",
     SplitRule::kDeepseekCjk},
    {"[0-9][0-9][0-9]", SplitRule::kThreeDigits},
};

}  // namespace

std::optional<NamedPretokenizer> find_named_pretokenizer(std::string_view name) {
  for (const NameRow& candidate : kNames) {
    if (candidate.name != name) continue;
    NamedPretokenizer found;
    for (size_t i = 0; i < candidate.n_steps; ++i)
      found.steps.push_back({candidate.steps[i], SplitKeep::kBoth, {}});
    found.add_bos = candidate.add_bos;
    found.ignore_merges = candidate.ignore_merges;
    found.nfc = candidate.nfc;
    return found;
  }
  return std::nullopt;
}

std::string pretokenizer_names() {
  std::string names;
  for (const NameRow& candidate : kNames) {
    if (!names.empty()) names += ", ";
    names += candidate.name;
  }
  return names;
}

std::optional<SplitRule> find_rule_of_regex(std::string_view regex) {
  for (const RegexRow& candidate : kRegexes) {
    if (candidate.regex == regex) return candidate.rule;
  }
  return std::nullopt;
}

}  // namespace dunlin
