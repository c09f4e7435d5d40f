#include "core/text/tokenizer_gguf.h"

#include <catch2/catch.hpp>

#include "core/model/gguf_writer.h"
#include "tests/unit/text/spec_builder.h"
#include "tests/unit/text/vocabulary_files.h"

namespace dunlin::testing {
namespace {

// A complete byte-level tokenizer, for tests to bend.
GgufWriter byte_level_file() {
  const TokenizerSpec spec = byte_level_spec();
  const std::vector<std::string_view> tokens(spec.tokens.begin(), spec.tokens.end());
  GgufWriter writer;
  writer.set_string("tokenizer.ggml.model", "gpt2");
  writer.set_string("tokenizer.ggml.pre", "gpt-2");
  writer.set_string_array("tokenizer.ggml.tokens", tokens);
  writer.set_string_array("tokenizer.ggml.merges", {});
  return writer;
}

Result<TokenizerSpec> read(const GgufWriter& writer, const Log& log = {}) {
  const auto bytes = writer.write_to_memory();
  REQUIRE(bytes.is_ok());
  const auto file = GgufFile::parse(*bytes, "m.gguf");
  INFO(file.status().message());
  REQUIRE(file.is_ok());
  return read_gguf_tokenizer(*file, log);
}

TokenizerSpec read_ok(const GgufWriter& writer) {
  auto spec = read(writer);
  INFO(spec.status().message());
  REQUIRE(spec.is_ok());
  return std::move(*spec);
}

void check_refused(const GgufWriter& writer, StatusCode code, std::string_view part_of_message) {
  const auto spec = read(writer);
  REQUIRE_FALSE(spec.is_ok());
  INFO(spec.message());
  CHECK(spec.status().code() == code);
  CHECK(spec.message().starts_with("m.gguf: "));
  CHECK(spec.message().find(part_of_message) != std::string::npos);
}

}  // namespace

TEST_CASE("a GGUF tokenizer without types has normal tokens") {
  const auto tokenizer = make_tokenizer(read_ok(byte_level_file()));
  CHECK(tokenizer->n_vocab() == 256);
  CHECK(encode(*tokenizer, "ab", {}) == std::vector<int32_t>{'a', 'b'});
  CHECK(tokenizer->bos() == -1);
}

TEST_CASE("what the pre-tokenizer's name implies, keys override") {
  GgufWriter writer = byte_level_file();
  SECTION("qwen2 normalizes") {
    writer.set_string("tokenizer.ggml.pre", "qwen2");
    const TokenizerSpec spec = read_ok(writer);
    CHECK(spec.nfc);
    CHECK_FALSE(spec.ignore_merges);
  }
  SECTION("llama-bpe adds BOS if there is one") {
    writer.set_string("tokenizer.ggml.pre", "llama-bpe");
    CHECK_FALSE(read_ok(writer).add_bos);
    writer.set_u32("tokenizer.ggml.bos_token_id", 7);
    CHECK(read_ok(writer).add_bos);
    CHECK(read_ok(writer).ignore_merges);
    writer.set_bool("tokenizer.ggml.add_bos_token", false);
    CHECK_FALSE(read_ok(writer).add_bos);
  }
  SECTION("a missing name is gpt-2 with a warning") {
    writer.set_string("tokenizer.ggml.pre", "default");
    std::string warning;
    const auto spec = read(writer, Log([&](LogLevel level, std::string_view message) {
                             CHECK(level == LogLevel::kWarning);
                             warning = message;
                           }));
    REQUIRE(spec.is_ok());
    CHECK(warning.find("tokenizer.ggml.pre") != std::string::npos);
    REQUIRE(spec->splits.size() == 1);
    CHECK(spec->splits[0].rule == SplitRule::kGpt2);
  }
  SECTION("an unknown one is refused with the list") {
    writer.set_string("tokenizer.ggml.pre", "tekken");
    check_refused(writer, StatusCode::kUnsupported, "'tekken' is not supported; supported are gpt-2");
  }
}

TEST_CASE("all special ids are read, -1 is none") {
  GgufWriter writer = byte_level_file();
  const char* const names[] = {"bos",     "eos",     "eot",     "eom",    "unknown",
                               "padding", "fim_pre", "fim_suf", "fim_mid"};
  for (uint32_t i = 0; i < std::size(names); ++i) {
    writer.set_u32(str_cat("tokenizer.ggml.", names[i], "_token_id"), i);
  }
  const SpecialIds ids = read_ok(writer).special;
  CHECK(ids.bos == 0);
  CHECK(ids.eos == 1);
  CHECK(ids.eot == 2);
  CHECK(ids.eom == 3);
  CHECK(ids.unknown == 4);
  CHECK(ids.padding == 5);
  CHECK(ids.fim_prefix == 6);
  CHECK(ids.fim_suffix == 7);
  CHECK(ids.fim_middle == 8);
  writer.set_i32("tokenizer.ggml.bos_token_id", -1);
  writer.set_u32("tokenizer.ggml.eos_token_id", UINT32_MAX);
  CHECK(read_ok(writer).special.bos == -1);
  CHECK(read_ok(writer).special.eos == -1);
  writer.set_i32("tokenizer.ggml.bos_token_id", -2);
  check_refused(writer, StatusCode::kCorrupt, "tokenizer.ggml.bos_token_id is -2");
}

TEST_CASE("SentencePiece in GGUF") {
  const TokenizerSpec base = sentencepiece_spec("ab");
  const std::vector<std::string_view> tokens(base.tokens.begin(), base.tokens.end());
  std::vector<int32_t> types;
  for (const TokenType type : base.types) types.push_back(int32_t(type));
  GgufWriter writer;
  writer.set_string("tokenizer.ggml.model", "llama");
  writer.set_string_array("tokenizer.ggml.tokens", tokens);
  writer.set_i32_array("tokenizer.ggml.token_type", types);
  writer.set_f32_array("tokenizer.ggml.scores", base.scores);
  writer.set_u32("tokenizer.ggml.bos_token_id", 1);
  constexpr int32_t kWordBegin = 259;
  constexpr int32_t kA = 260;
  CHECK(encode(*make_tokenizer(read_ok(writer)), "a", {}) == std::vector<int32_t>{1, kWordBegin, kA});
  writer.set_bool("tokenizer.ggml.add_space_prefix", false);
  writer.set_bool("tokenizer.ggml.add_bos_token", false);
  CHECK(encode(*make_tokenizer(read_ok(writer)), "a a", {}) == std::vector<int32_t>{kA, kWordBegin, kA});
}

TEST_CASE("chat templates of GGUF") {
  GgufWriter writer = byte_level_file();
  writer.set_string("tokenizer.chat_template", "first");
  writer.set_string("tokenizer.chat_template.tool_use", "second");
  const std::vector<std::string_view> names = {"tool_use"};
  writer.set_string_array("tokenizer.chat_templates", names);
  const TokenizerSpec spec = read_ok(writer);
  REQUIRE(spec.chat_templates.size() == 2);
  CHECK(spec.chat_templates[0].name == "default");
  CHECK(spec.chat_templates[0].text == "first");
  CHECK(spec.chat_templates[1].name == "tool_use");
  CHECK(spec.chat_templates[1].text == "second");
}

TEST_CASE("GGUF tokenizers that are refused") {
  GgufWriter writer = byte_level_file();
  SECTION("model") {
    writer.set_string("tokenizer.ggml.model", "bert");
    check_refused(writer, StatusCode::kUnsupported, "the tokenizer model 'bert' is not supported");
  }
  SECTION("token type") {
    const std::vector<int32_t> types = {1, 0};
    writer.set_i32_array("tokenizer.ggml.token_type", types);
    check_refused(writer, StatusCode::kCorrupt, "token 1 has the type 0");
  }
  SECTION("types of the wrong kind") {
    writer.set_string("tokenizer.ggml.token_type", "x");
    check_refused(writer, StatusCode::kCorrupt, "tokenizer.ggml.token_type");
  }
  SECTION("merge") {
    const std::string_view merge = GENERATE(as<std::string_view>{}, "", "a", "ab", "a ", " a");
    const std::vector<std::string_view> merges = {"a b", merge};
    writer.set_string_array("tokenizer.ggml.merges", merges);
    check_refused(writer, StatusCode::kCorrupt, "tokenizer.ggml.merges: entry 1");
  }
  SECTION("no keys at all") {
    check_refused(GgufWriter(), StatusCode::kNotFound, "tokenizer.ggml.model");
  }
}

}  // namespace dunlin::testing
