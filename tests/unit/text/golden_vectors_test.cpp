// Ids of published tokenizers, computed outside of Dunlin.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/unit/text/vocabulary_files.h"

namespace dunlin::testing {
namespace {

constexpr size_t kGoldenTexts = 46;

std::vector<std::string> golden_texts() {
  constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
  const std::string all = read_vocabulary_file("golden.inp");
  std::vector<std::string> texts;
  for (size_t at = 0; at < all.size();) {
    const size_t end = all.find(kSeparator, at);
    REQUIRE(end != all.npos);
    texts.push_back(all.substr(at, end - at));
    at = end + kSeparator.size();
  }
  return texts;
}

std::vector<std::vector<int32_t>> golden_ids(const std::string& name) {
  std::istringstream lines(read_vocabulary_file(name + ".out"));
  std::vector<std::vector<int32_t>> all;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream numbers(line);
    std::vector<int32_t>& ids = all.emplace_back();
    for (int32_t id = 0; numbers >> id;) ids.push_back(id);
  }
  return all;
}

void check_golden(const std::string& name, const Tokenizer& tokenizer) {
  const auto texts = golden_texts();
  const auto expected = golden_ids(name);
  REQUIRE(texts.size() == kGoldenTexts);
  REQUIRE(expected.size() == kGoldenTexts);
  for (size_t i = 0; i < texts.size(); ++i) {
    INFO(name << ", text " << i << ": '" << texts[i] << "'");
    const std::vector<int32_t> ids = encode(tokenizer, texts[i], kPlain);
    CHECK(ids == expected[i]);
    CHECK(tokenizer.decode(ids) == texts[i]);
  }
}

}  // namespace

TEST_CASE("GGUF vocabularies give the golden ids and the texts back") {
  const std::string name =
      GENERATE(as<std::string>{}, "deepseek-coder", "falcon", "gpt-2", "llama-spm", "phi-3", "starcoder");
  check_golden(name, *load_gguf_tokenizer(name));
}

TEST_CASE("tokenizer.json vocabularies give the golden ids and the texts back") {
  const std::string name = GENERATE(as<std::string>{}, "qwen2.5", "llama3.2");
  check_golden(name, *load_json_tokenizer(name));
}

TEST_CASE("fairy-4m's prompts have the same ids from both containers") {
  const auto prompts = nlohmann::json::parse(read_vocabulary_file("fairy-4m-prompts.json"));
  REQUIRE(prompts.size() == 4);
  const auto from_gguf = load_gguf_tokenizer("fairy-4m");
  const auto from_json = load_json_tokenizer("fairy-4m");
  for (const auto& prompt : prompts) {
    const auto text = prompt["prompt"].get<std::string>();
    const auto expected = prompt["ids"].get<std::vector<int32_t>>();
    INFO(text);
    CHECK(encode(*from_gguf, text, {.add_special = true, .parse_special = true}) == expected);
    CHECK(encode(*from_json, text, {.add_special = true, .parse_special = true}) == expected);
    CHECK(from_gguf->decode(expected, /*print_control=*/true) == text);
    CHECK(from_json->decode(expected, /*print_control=*/true) == text);
  }
}

}  // namespace dunlin::testing
