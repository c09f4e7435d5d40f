#include "core/text/tokenizer_json.h"

#include <catch2/catch.hpp>
#include <ctime>
#include <nlohmann/json.hpp>

#include "tests/unit/text/spec_builder.h"
#include "tests/unit/text/vocabulary_files.h"

namespace dunlin::testing {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<int32_t>;

constexpr const char* kWordBegin = "\xE2\x96\x81";

// A byte-level tokenizer.json, for tests to bend: ids 0..255 are the bytes, 256 is "ab".
Json byte_level_json() {
  TokenizerSpec spec = byte_level_spec();
  Json vocab = Json::object();
  for (size_t id = 0; id < spec.tokens.size(); ++id) vocab[spec.tokens[id]] = id;
  vocab["ab"] = 256;
  return {{"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", {"a b"}}}},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
          {"decoder", {{"type", "ByteLevel"}}}};
}

// A SentencePiece one: bytes 0..255, then U+2581, a, b, U+2581 a.
Json sentencepiece_json() {
  const TokenizerSpec spec = sentencepiece_spec("ab");
  Json vocab = Json::object();
  for (size_t id = 3; id < spec.tokens.size(); ++id) vocab[spec.tokens[id]] = id - 3;
  vocab[std::string(kWordBegin) + "a"] = 259;
  return {{"model",
           {{"type", "BPE"},
            {"vocab", vocab},
            {"merges", Json::array({Json::array({kWordBegin, "a"})})},
            {"byte_fallback", true}}},
          {"normalizer", {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kWordBegin}}}};
}

Result<TokenizerSpec> read(const Json& tokenizer, const Json& config = {}, const Json& generation = {}) {
  const std::string tokenizer_text = tokenizer.dump();
  const std::string config_text = config.is_null() ? "" : config.dump();
  const std::string generation_text = generation.is_null() ? "" : generation.dump();
  HfTokenizerFiles files;
  files.tokenizer = tokenizer_text;
  files.tokenizer_config = config_text;
  files.generation_config = generation_text;
  files.source = "dir";
  return read_hf_tokenizer(files);
}

TokenizerSpec read_ok(const Json& tokenizer, const Json& config = {}, const Json& generation = {}) {
  auto spec = read(tokenizer, config, generation);
  INFO(spec.status().message());
  REQUIRE(spec.is_ok());
  return std::move(*spec);
}

void check_refused(const Result<TokenizerSpec>& spec, StatusCode code, std::string_view part_of_message) {
  REQUIRE_FALSE(spec.is_ok());
  INFO(spec.message());
  CHECK(spec.status().code() == code);
  CHECK(spec.message().starts_with("dir"));
  CHECK(spec.message().find(part_of_message) != std::string::npos);
}

Result<TokenizerSpec> read_text(std::string_view text) {
  HfTokenizerFiles files;
  files.tokenizer = text;
  files.source = "dir";
  return read_hf_tokenizer(files);
}

}  // namespace

TEST_CASE("a byte-level tokenizer.json") {
  Json json = byte_level_json();
  SECTION("merges as texts") {
    CHECK(encode(*make_tokenizer(read_ok(json)), "abc", {}) == Ids{256, 'c'});
  }
  SECTION("merges as pairs") {
    json["model"]["merges"] = Json::array({Json::array({"a", "b"})});
    CHECK(encode(*make_tokenizer(read_ok(json)), "abc", {}) == Ids{256, 'c'});
  }
  SECTION("ignore_merges takes a whole pre-token") {
    json["model"]["merges"] = Json::array();
    CHECK(encode(*make_tokenizer(read_ok(json)), "ab", {}) == Ids{'a', 'b'});
    json["model"]["ignore_merges"] = true;
    CHECK(encode(*make_tokenizer(read_ok(json)), "ab", {}) == Ids{256});
  }
  SECTION("added tokens with their flags") {
    json["added_tokens"] = {{{"id", 257}, {"content", "<c>"}, {"special", true}, {"rstrip", true}},
                            {{"id", 256}, {"content", "ab"}, {"special", false}}};
    const TokenizerSpec spec = read_ok(json);
    CHECK(spec.types[257] == TokenType::kControl);
    CHECK(spec.types[256] == TokenType::kUserDefined);
    CHECK(encode(*make_tokenizer(spec), "<c>  ab", kTrusted) == Ids{257, 256});
  }
  SECTION("holes in the ids") {
    json["added_tokens"] = {{{"id", 300}, {"content", "<c>"}, {"special", true}}};
    CHECK(make_tokenizer(read_ok(json))->n_vocab() == 301);
  }
}

TEST_CASE("NFC makes both containers of Qwen give equal ids") {
  const auto qwen = load_json_tokenizer("qwen2.5");
  CHECK(encode(*qwen, "Vi\xE1\xBB\x87t \xC3\xA4", kPlain) ==
        encode(*qwen, "Vie\xCC\xA3\xCC\x82t a\xCC\x88", kPlain));
  const auto llama = load_json_tokenizer("llama3.2");
  CHECK(encode(*llama, "\xC3\xA4", kPlain) != encode(*llama, "a\xCC\x88", kPlain));
  const auto gguf = load_gguf_tokenizer("fairy-4m");
  const auto json = load_json_tokenizer("fairy-4m");
  const std::string text =
      "caf"
      "e\xCC\x81 <|im_start|>";
  CHECK(encode(*gguf, text, kTrusted) == encode(*json, text, kTrusted));
}

TEST_CASE("pre-tokenizers of tokenizer.json") {
  Json json = byte_level_json();
  const auto rules_of = [&](const Json& node) {
    json["pre_tokenizer"] = node;
    std::vector<SplitRule> rules;
    for (const SplitStep& step : read_ok(json).splits) rules.push_back(step.rule);
    return rules;
  };
  const Json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  const auto sequence = [&](Json first) {
    return Json{{"type", "Sequence"}, {"pretokenizers", Json::array({std::move(first), byte_level})}};
  };
  const auto split = [](std::string regex, std::string behavior, bool invert) {
    return Json{
        {"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", behavior}, {"invert", invert}};
  };
  CHECK(rules_of({{"type", "ByteLevel"}, {"add_prefix_space", false}}) == std::vector{SplitRule::kGpt2});
  CHECK(rules_of(byte_level).empty());
  CHECK(rules_of(sequence(split("\\p{N}", "Isolated", false))) == std::vector{SplitRule::kNumber});
  CHECK(rules_of(sequence(split("[x-z]", "Isolated", false))) == std::vector{SplitRule::kRegex});
  CHECK(rules_of(sequence({{"type", "Digits"}, {"individual_digits", true}})) ==
        std::vector{SplitRule::kNumber});
  CHECK(rules_of(sequence({{"type", "Digits"}, {"individual_digits", false}})) ==
        std::vector{SplitRule::kNumberRun});
  CHECK(rules_of(sequence({{"type", "Punctuation"}, {"behavior", "Contiguous"}})) ==
        std::vector{SplitRule::kPunctuationRun});
  rules_of(sequence(split("[x-z]", "Removed", true)));
  CHECK(encode(*make_tokenizer(read_ok(json)), "axby", {}) == Ids{'x', 'y'});
  rules_of(sequence(split("[x-z]", "Removed", false)));
  CHECK(encode(*make_tokenizer(read_ok(json)), "axby", {}) == Ids{'a', 'b'});
  // "." is no wildcard in a String; "ab" is not merged across it.
  rules_of(sequence({{"type", "Split"}, {"pattern", {{"String", "."}}}, {"behavior", "Isolated"}}));
  CHECK(encode(*make_tokenizer(read_ok(json)), "ab.a", {}) == Ids{256, '.', 'a'});
}

TEST_CASE("a SentencePiece tokenizer.json") {
  constexpr int32_t kSpace = 256, kA = 257, kB = 258, kSpaceA = 259;
  Json json = sentencepiece_json();
  SECTION("without a prefix, as Gemma") {
    json["pre_tokenizer"] = {{"type", "Split"},
                             {"pattern", {{"String", " "}}},
                             {"behavior", "MergedWithPrevious"},
                             {"invert", false}};
    CHECK(encode(*make_tokenizer(read_ok(json)), "a a", {}) == Ids{kA, kSpaceA});
  }
  SECTION("Prepend always puts one") {
    json["normalizer"] = {
        {"type", "Sequence"},
        {"normalizers", Json::array({{{"type", "Prepend"}, {"prepend", kWordBegin}}, json["normalizer"]})}};
    const auto tokenizer = make_tokenizer(read_ok(json));
    CHECK(encode(*tokenizer, "a", {}) == Ids{kSpaceA});
    CHECK(encode(*tokenizer, " a", {}) == Ids{kSpace, kSpaceA});
    CHECK(tokenizer->decode(Ids{kSpace, kSpaceA}) == " a");
  }
  SECTION("Metaspace puts one where there is none") {
    json.erase("normalizer");
    json["added_tokens"] = {{{"id", 260}, {"content", "<t>"}, {"special", false}}};
    json["pre_tokenizer"] = {
        {"type", "Metaspace"}, {"replacement", kWordBegin}, {"prepend_scheme", "first"}, {"split", false}};
    CHECK(encode(*make_tokenizer(read_ok(json)), "a<t>a", {}) == Ids{kSpaceA, 260, kA});
    CHECK(encode(*make_tokenizer(read_ok(json)), " a", {}) == Ids{kSpaceA});
    json["pre_tokenizer"]["prepend_scheme"] = "always";
    CHECK(encode(*make_tokenizer(read_ok(json)), "a<t>a", {}) == Ids{kSpaceA, 260, kSpaceA});
    json["pre_tokenizer"]["prepend_scheme"] = "never";
    CHECK(encode(*make_tokenizer(read_ok(json)), "a<t>a", {}) == Ids{kA, 260, kA});
  }
  SECTION("Metaspace with split keeps words apart") {
    json["model"]["vocab"][std::string("b") + kWordBegin] = 260;
    json["model"]["merges"].push_back(Json::array({"b", kWordBegin}));
    CHECK(encode(*make_tokenizer(read_ok(json)), "b b", {}) == Ids{260, kB});
    json.erase("normalizer");
    json["pre_tokenizer"] = {{"type", "Metaspace"}, {"prepend_scheme", "never"}};
    CHECK(encode(*make_tokenizer(read_ok(json)), "b b", {}) == Ids{kB, kSpace, kB});
  }
  SECTION("bytes") {
    CHECK(encode(*make_tokenizer(read_ok(json)), "\xC3\xA4", {}) == Ids{0xC3, 0xA4});
  }
}

TEST_CASE("BOS and EOS of tokenizer.json and tokenizer_config.json") {
  Json json = byte_level_json();
  json["added_tokens"] = {{{"id", 257}, {"content", "<s>"}, {"special", true}},
                          {{"id", 258}, {"content", "</s>"}, {"special", true}}};
  json["post_processor"] = {{"type", "TemplateProcessing"},
                            {"single", Json::array({{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
                                                    {{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
                                                    {{"SpecialToken", {{"id", "</s>"}, {"type_id", 0}}}}})}};
  CHECK(encode(*make_tokenizer(read_ok(json)), "a", {}) == Ids{257, 'a', 258});
  const Json config = {
      {"add_bos_token", false}, {"add_eos_token", nullptr}, {"eos_token", {{"content", "ab"}}}};
  const TokenizerSpec spec = read_ok(json, config);
  CHECK_FALSE(spec.add_bos);
  CHECK(spec.special.eos == 256);
  check_refused(read(json, {{"bos_token", "<none>"}}), StatusCode::kCorrupt, "bos_token is '<none>'");
  check_refused(read(json, {{"add_bos_token", 1}}), StatusCode::kCorrupt, "add_bos_token");
}

TEST_CASE("generation_config.json: a number or a list") {
  const Json json = byte_level_json();
  CHECK(read_ok(json, {}, {{"eos_token_id", 7}}).end_of_generation == Ids{7});
  CHECK(read_ok(json, {}, {{"eos_token_id", 7}}).special.eos == 7);
  CHECK(read_ok(json, {}, {{"eos_token_id", {7, 8}}}).end_of_generation == Ids{7, 8});
  CHECK(read_ok(json, {}, {{"eos_token_id", nullptr}}).end_of_generation.empty());
  for (const Json& bad : {Json(-1), Json(257), Json("7"), Json(7.5), Json({7, "8"})}) {
    check_refused(read(json, {}, {{"eos_token_id", bad}}), StatusCode::kCorrupt, "eos_token_id");
  }
}

TEST_CASE("chat templates of a directory") {
  const Json json = byte_level_json();
  const auto texts = [](const TokenizerSpec& spec) {
    std::string all;
    for (const ChatTemplateText& text : spec.chat_templates) all += text.name + "=" + text.text + ";";
    return all;
  };
  CHECK(texts(read_ok(json, {{"chat_template", "x"}})) == "default=x;");
  const Json named = {{"chat_template", Json::array({{{"name", "default"}, {"template", "x"}},
                                                     {{"name", "tool_use"}, {"template", "y"}}})}};
  CHECK(texts(read_ok(json, named)) == "default=x;tool_use=y;");
  const std::string tokenizer_text = json.dump();
  const std::string config_text = named.dump();
  HfTokenizerFiles files;
  files.tokenizer = tokenizer_text;
  files.tokenizer_config = config_text;
  files.chat_template = "z";
  const auto spec = read_hf_tokenizer(files);
  REQUIRE(spec.is_ok());
  CHECK(texts(*spec) == "tool_use=y;default=z;");
}

TEST_CASE("nodes that Dunlin does not know are refused by name") {
  Json json = byte_level_json();
  const struct {
    const char* place;
    Json node;
    const char* message;
  } cases[] = {
      {"model", {{"type", "Unigram"}, {"vocab", Json::array({{"a", 0.5}})}}, "'Unigram'"},
      {"normalizer", {{"type", "Lowercase"}}, "normalizer 'Lowercase'"},
      {"normalizer", {{"type", "Sequence"}, {"normalizers", Json::array({{{"type", "NFKC"}}})}}, "'NFKC'"},
      {"pre_tokenizer", {{"type", "BertPreTokenizer"}}, "pre-tokenizer 'BertPreTokenizer'"},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", true}}, "add_prefix_space"},
      {"pre_tokenizer",
       {{"type", "Split"}, {"pattern", {{"Regex", "a"}}}, {"behavior", "MergedWithNext"}},
       "'MergedWithNext'"},
      {"post_processor", {{"type", "BertProcessing"}}, "post-processor 'BertProcessing'"},
      {"decoder", {{"type", "WordPiece"}}, "decoder 'WordPiece'"},
      {"pre_tokenizer", nullptr, "neither byte-level BPE"},
  };
  for (const auto& [place, node, message] : cases) {
    Json bad = json;
    bad[place] = node;
    check_refused(read(bad), StatusCode::kUnsupported, message);
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    Json bad = json;
    bad["model"][key] = "##";
    check_refused(read(bad), StatusCode::kUnsupported, key);
  }
}

TEST_CASE("hostile tokenizer.json texts are refused") {
  check_refused(read_text(""), StatusCode::kCorrupt, "not valid JSON");
  check_refused(read_text("[]"), StatusCode::kCorrupt, "JSON object");
  check_refused(read_text("{\"model\":{\"vocab\":{\"a\":0"), StatusCode::kCorrupt, "not valid JSON");
  check_refused(read_text("{\"a\":1,\"a\":2}"), StatusCode::kCorrupt, "the key 'a' twice");
  check_refused(read_text("{\"model\":{\"vocab\":{},\"vocab\":{}}}"), StatusCode::kCorrupt,
                "the key 'vocab' twice");
  check_refused(read_text("{\"model\":{\"vocab\":{\"a\":0,\"b\":0}}}"), StatusCode::kCorrupt,
                "gives the id 0 to 'a' and to 'b'");
  check_refused(read_text("{\"model\":{\"vocab\":{\"a\":-1}}}"), StatusCode::kCorrupt, "the id -1");
  check_refused(read_text("{\"model\":{\"vocab\":{\"a\":2097152}}}"), StatusCode::kCorrupt, "the id 2097152");
  check_refused(read_text("{\"model\":{\"vocab\":{\"a\":0.5}}}"), StatusCode::kCorrupt, "no token id");
  check_refused(read_text("{\"model\":{\"vocab\":{\"a\":{}}}}"), StatusCode::kCorrupt, "no token id");
  check_refused(read_text("{\"model\":{\"merges\":[\"a\"]}}"), StatusCode::kCorrupt, "merges: entry 0");
  check_refused(read_text("{\"model\":{\"merges\":[[\"a\"]]}}"), StatusCode::kCorrupt, "merges: entry 0");
  check_refused(read_text("{\"model\":{\"merges\":[[\"a\",\"b\",\"c\"]]}}"), StatusCode::kCorrupt,
                "merges: entry 0");
  check_refused(read_text("{\"model\":{\"merges\":[[]]}}"), StatusCode::kCorrupt, "merges: entry 0");
  check_refused(read_text("{\"model\":{\"merges\":[7]}}"), StatusCode::kCorrupt, "model.merges");
  check_refused(read_text(std::string(1'000'000, '[')), StatusCode::kCorrupt, "64 levels deep");
  check_refused(read_text("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":{}}}"),
                StatusCode::kCorrupt, "model.merges is no list");
  check_refused(read_text("{\"model\":{\"type\":\"BPE\",\"vocab\":[]}}"), StatusCode::kCorrupt,
                "model.vocab is no object");
  check_refused(read_text("{\"model\":{}}"), StatusCode::kUnsupported, "model type");
  check_refused(read_text("\xFF"), StatusCode::kCorrupt, "not valid JSON");

  Json json = byte_level_json();
  json["added_tokens"] = {{{"id", 256}, {"content", "other"}}};
  check_refused(read(json), StatusCode::kCorrupt, "the id 256 of 'ab'");
  json["added_tokens"] = {{{"id", 257}, {"content", "x"}}, {{"id", 257}, {"content", "x"}}};
  check_refused(read(json), StatusCode::kCorrupt, "the id 257 of 'x'");
  json["added_tokens"] = {{{"id", 1u << 21}, {"content", "x"}}};
  check_refused(read(json), StatusCode::kCorrupt, "the id 2097152");
}

TEST_CASE("a tokenizer.json cut short anywhere is refused") {
  const std::string whole = byte_level_json().dump();
  for (size_t bytes = 0; bytes < whole.size(); bytes += 13) {
    CHECK_FALSE(read_text(std::string_view(whole).substr(0, bytes)).is_ok());
  }
}

TEST_CASE("150,000 tokens load in less than 0.3 seconds") {
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__)
  constexpr double kMaxSeconds = 0.3;
#else
  constexpr double kMaxSeconds = 10.0;  // a build for finding faults
#endif
  const std::string text = read_vocabulary_file("qwen2.5.json.xz");
  const std::clock_t begin = std::clock();
  auto spec = read_text(text);
  REQUIRE(spec.is_ok());
  const auto tokenizer = make_tokenizer(std::move(*spec));
  const double seconds = double(std::clock() - begin) / CLOCKS_PER_SEC;  // of this process only
  CHECK(tokenizer->n_vocab() == 151665);
  CHECK(seconds < kMaxSeconds);
}

}  // namespace dunlin::testing
