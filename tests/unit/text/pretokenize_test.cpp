#include "core/text/pretokenize.h"

#include <catch2/catch.hpp>

#include "core/text/utf8.h"

namespace dunlin {
namespace {

using Pieces = std::vector<std::string>;

Pieces split(const PreTokenizer& pretokenizer, std::string_view text) {
  std::vector<std::string_view> views;
  const Status status = pretokenizer.split(text, views);
  INFO(status.message());
  REQUIRE(status.is_ok());
  return {views.begin(), views.end()};
}

PreTokenizer make(std::vector<SplitStep> steps) {
  auto pretokenizer = PreTokenizer::create(steps, "test");
  INFO(pretokenizer.status().message());
  REQUIRE(pretokenizer.is_ok());
  return std::move(*pretokenizer);
}

Pieces split_named(std::string_view name, std::string_view text) {
  const auto named = find_named_pretokenizer(name);
  REQUIRE(named);
  return split(make(named->steps), text);
}

Pieces split_regex(std::string_view regex, std::string_view text, SplitKeep keep = SplitKeep::kBoth) {
  return split(make({{SplitRule::kRegex, keep, std::string(regex)}}), text);
}

// A reproducible text of the characters that the patterns tell apart.
std::string random_text(uint32_t seed) {
  static constexpr std::string_view kParts[] = {"a",
                                                "B",
                                                "s",
                                                "S",
                                                "'",
                                                "'s",
                                                "'LL",
                                                "1",
                                                "23",
                                                " ",
                                                "  ",
                                                "\n",
                                                "\r\n",
                                                "\t",
                                                ".",
                                                "!?",
                                                "$",
                                                "`",
                                                "_",
                                                "\xC3\xA4" /* a letter */,
                                                "\xE6\x88\x91" /* CJK */,
                                                "\xCC\x88" /* a mark */,
                                                "\xC2\xA0" /* a space */,
                                                "\xE3\x80\x80" /* a wide space */,
                                                "\xC2\xBD" /* a number */,
                                                "\xEF\xBC\x9F" /* punctuation */,
                                                "\xF0\x9F\x98\x81" /* a symbol */,
                                                "\xEA\xB0\x80" /* Hangul */,
                                                "\xE0\xA0\x80" /* Samaritan */,
                                                "\xC2\x85" /* next line */};
  std::string text;
  for (int i = 0; i < 40; ++i) {
    seed = seed * 1664525u + 1013904223u;
    text += kParts[(seed >> 16) % std::size(kParts)];
  }
  return text;
}

}  // namespace

TEST_CASE("gpt-2's pattern") {
  CHECK(split_named("gpt-2", "I'll go, don't we've 'Re 42nd") ==
        Pieces{"I", "'ll", " go", ",", " don", "'t", " we", "'ve", " '", "Re", " 42", "nd"});
  CHECK(split_named("gpt-2", "a   b\n\n c \t") == Pieces{"a", "  ", " b", "\n\n", " c", " \t"});
  CHECK(split_named("gpt-2", "\ta\nb") == Pieces{"\t", "a", "\n", "b"});
  CHECK(split_named("gpt-2",
                    "a\xCC\x88"
                    "b") == Pieces{"a", "\xCC\x88", "b"});
  CHECK(split_named("gpt-2", "").empty());
}

TEST_CASE("llama-bpe's and qwen2's patterns") {
  CHECK(split_named("llama-bpe", "I'LL (go) 1234567") ==
        Pieces{"I", "'LL", " (", "go", ")", " ", "123", "456", "7"});
  CHECK(split_named("qwen2", "x 123") == Pieces{"x", " ", "1", "2", "3"});
  CHECK(split_named("llama-bpe", "a  \n \n  b") == Pieces{"a", "  \n \n", " ", " b"});
  CHECK(split_named("llama-bpe", "!!\r\n\nx") == Pieces{"!!\r\n\n", "x"});
  CHECK(split_named("llama-bpe", "\nx\tx") == Pieces{"\n", "x", "\tx"});
  CHECK(split_named("llama-bpe", "'\xC5\xBF") == Pieces{"'\xC5\xBF"});  // a long s is no ASCII s
}

TEST_CASE("the patterns that are applied in turn") {
  CHECK(split_named("starcoder", "x 12a") == Pieces{"x", " ", "1", "2", "a"});
  CHECK(split_named("falcon", "a.b=1234 x") == Pieces{"a", ".", "b", "=", "123", "4", " x"});
  CHECK(split_named("deepseek-coder", "if x:\n  y12") == Pieces{"if", " x", ":", "\n", " ", " y", "1", "2"});
}

TEST_CASE("the matchers of our own agree with the expressions that they stand for") {
  const struct {
    SplitRule rule;
    std::string_view regex;
  } pairs[] = {
      {SplitRule::kGpt2, R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"},
      {SplitRule::kLlama3,
       R"('(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
       R"(\s*[\r\n]+|\s+(?!\S)|\s+)"},
      {SplitRule::kQwen2,
       R"('(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
       R"(\s*[\r\n]+|\s+(?!\S)|\s+)"},
      {SplitRule::kNumber, R"(\p{N})"},
      {SplitRule::kNumberRun, R"(\p{N}+)"},
      {SplitRule::kNewline, R"([\r\n])"},
      {SplitRule::kSpaceLetters, R"(\s?\p{L}+)"},
      {SplitRule::kSpacePunctuation, R"(\s?\p{P}+)"},
      {SplitRule::kDeepseekCjk, R"([\x{4E00}-\x{9FA5}\x{0800}-\x{4E00}\x{AC00}-\x{D7FF}]+)"},
      {SplitRule::kPunctuation, R"([\p{P}$+<=>^~|`])"},
      {SplitRule::kPunctuationRun, R"([\p{P}$+<=>^~|`]+)"},
      {SplitRule::kThreeDigits, R"([0-9][0-9][0-9])"},
  };
  for (const auto& [rule, regex] : pairs) {
    const PreTokenizer own = make({{rule, SplitKeep::kBoth, {}}});
    const PreTokenizer pcre2 = make({{SplitRule::kRegex, SplitKeep::kBoth, std::string(regex)}});
    for (uint32_t seed = 0; seed < 200; ++seed) {
      const std::string text = random_text(seed);
      INFO(regex << " on '" << text << "'");
      REQUIRE(split(own, text) == split(pcre2, text));
    }
  }
}

TEST_CASE("published expressions select a matcher, by equality") {
  CHECK(find_rule_of_regex(R"(\p{N})") == SplitRule::kNumber);
  CHECK(
      find_rule_of_regex("[\xE4\xB8\x80-\xE9\xBE\xA5\xE0\xA0\x80-\xE4\xB8\x80\xEA\xB0\x80-\xED\x9F\xBF]+") ==
      SplitRule::kDeepseekCjk);
  CHECK_FALSE(find_rule_of_regex(R"(\p{N} )"));
}

TEST_CASE("a split keeps the matches, the text between, or both") {
  CHECK(split_regex("-", "a-b--c") == Pieces{"a", "-", "b", "-", "-", "c"});
  CHECK(split_regex("-", "a-b--c", SplitKeep::kBetween) == Pieces{"a", "b", "c"});
  CHECK(split_regex("[a-z]", "a-b--c", SplitKeep::kMatches) == Pieces{"a", "b", "c"});
}

TEST_CASE("empty matches cut nothing and do not hang") {
  CHECK(split_regex("x*", "a\xC3\xA4xx") == Pieces{"a\xC3\xA4", "xx"});
  CHECK(split_regex("(?=b)", "ab") == Pieces{"ab"});
}

TEST_CASE("expressions that PCRE2 refuses or reads otherwise are unsupported") {
  const std::string regex = GENERATE(as<std::string>{}, "(", "[a&&b]", "[[:alpha:]]", "a{2,1}", "\\C",
                                     std::string(200, '(') + std::string(200, ')'), std::string(10'000, 'a'));
  const std::vector<SplitStep> steps = {{SplitRule::kRegex, SplitKeep::kBoth, regex}};
  const auto pretokenizer = PreTokenizer::create(steps, "model.json");
  REQUIRE_FALSE(pretokenizer.is_ok());
  CHECK(pretokenizer.status().code() == StatusCode::kUnsupported);
  CHECK(pretokenizer.message().find("model.json") != std::string::npos);
}

TEST_CASE("an expression that runs away is stopped") {
  const struct {
    std::string_view regex;
    char letter;
  } cases[] = {{"(a+)+[bc]", 'a'}, {"a+[bc]", 'a'}, {"(?:a|b|ab)*[cd]", 'a'}, {"(a?){20}a{20}[xy]", 'a'}};
  for (const auto& [regex, letter] : cases) {
    INFO(regex);
    const PreTokenizer pretokenizer = make({{SplitRule::kRegex, SplitKeep::kBoth, std::string(regex)}});
    std::vector<std::string_view> out;
    const Status status = pretokenizer.split(std::string(200'000, letter), out);
    CHECK(status.code() == StatusCode::kInvalidArgument);
  }
}

TEST_CASE("names that are not known are not found") {
  CHECK_FALSE(find_named_pretokenizer("tekken"));
  CHECK_FALSE(find_named_pretokenizer(""));
  CHECK(pretokenizer_names().find("qwen2") != std::string::npos);
}

}  // namespace dunlin
