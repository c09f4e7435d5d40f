#include <catch2/catch.hpp>

#include "tests/unit/text/spec_builder.h"
#include "tests/unit/text/vocabulary_files.h"

namespace dunlin::testing {
namespace {

using Ids = std::vector<int32_t>;

}  // namespace

TEST_CASE("BOS and EOS are added as the model wants, BOS never twice") {
  TokenizerSpec spec = byte_level_spec();
  const int32_t bos = spec.special.bos = add_token(spec, "<s>", TokenType::kControl);
  const int32_t eos = spec.special.eos = add_token(spec, "</s>", TokenType::kControl);
  spec.add_bos = true;
  spec.add_eos = true;
  const auto tokenizer = make_tokenizer(std::move(spec));
  CHECK(encode(*tokenizer, "a", {}) == Ids{bos, 'a', eos});
  CHECK(encode(*tokenizer, "a", kPlain) == Ids{'a'});
  CHECK(encode(*tokenizer, "", {}) == Ids{bos, eos});
  CHECK(encode(*tokenizer, "", kPlain).empty());
  CHECK(encode(*tokenizer, "<s>a", {.add_special = true, .parse_special = true}) == Ids{bos, 'a', eos});
  // A prompt has no EOS: the model is to go on.
  CHECK(encode(*tokenizer, "a", {.is_prompt = true}) == Ids{bos, 'a'});
  CHECK(encode(*tokenizer, "a", {.add_special = false, .is_prompt = true}) == Ids{'a'});
  CHECK(*tokenizer->encode_marked(std::vector<TextSegment>{{"a", true}}) == Ids{bos, 'a'});
  CHECK(*tokenizer->encode_marked(std::vector<TextSegment>{{"<s>", true}, {"a", false}}) == Ids{bos, 'a'});
  CHECK(tokenizer->adds_bos());
  CHECK(tokenizer->adds_eos());
}

TEST_CASE("published models: which begin with BOS") {
  CHECK(encode(*load_gguf_tokenizer("gpt-2"), "a", {}) == Ids{64});
  CHECK(encode(*load_gguf_tokenizer("llama-spm"), "a", {}) == Ids{1, 263});
  CHECK(encode(*load_gguf_tokenizer("llama-spm"), "", {}) == Ids{1});
  CHECK(encode(*load_gguf_tokenizer("deepseek-coder"), "a", {}).front() == 32013);
  CHECK(encode(*load_json_tokenizer("llama3.2"), "a", {}) == Ids{128000, 64});
  CHECK(encode(*load_json_tokenizer("qwen2.5"), "a", {}) == Ids{64});
}

TEST_CASE("all ids that end a generation") {
  const auto qwen = load_json_tokenizer("qwen2.5");
  CHECK(qwen->eos() == 151645);
  CHECK(qwen->is_end_of_generation(151643));
  CHECK(qwen->is_end_of_generation(151645));
  CHECK(qwen->is_end_of_generation(qwen->find_token("<|file_sep|>")));
  // A piece of HTML in Qwen's vocabulary.
  REQUIRE(qwen->find_token("</s>") >= 0);
  CHECK_FALSE(qwen->is_end_of_generation(qwen->find_token("</s>")));

  const auto phi = load_gguf_tokenizer("phi-3");
  CHECK(Ids(phi->end_of_generation_ids().begin(), phi->end_of_generation_ids().end()) ==
        Ids{2, 32000, 32007});

  TokenizerSpec spec = byte_level_spec();
  spec.special.eot = 'x';
  spec.end_of_generation = {'y', 'y'};
  const auto small = make_tokenizer(std::move(spec));
  CHECK(Ids(small->end_of_generation_ids().begin(), small->end_of_generation_ids().end()) == Ids{'x', 'y'});
}

TEST_CASE("texts and bytes of tokens") {
  const auto qwen = load_json_tokenizer("qwen2.5");
  CHECK(qwen->token_text(1879) == "\xC4\xA0world");
  CHECK(qwen->piece(1879) == " world");
  CHECK(qwen->piece(151644) == "<|im_start|>");
  const auto llama = load_gguf_tokenizer("llama-spm");
  CHECK(llama->token_text(13) == "<0x0A>");
  CHECK(llama->piece(13) == "\n");
  CHECK(llama->find_token("\xE2\x96\x81"
                          "a") == 263);
  CHECK(llama->find_token("no such token") == -1);
}

}  // namespace dunlin::testing
