#include <catch2/catch.hpp>

#include "tests/unit/text/spec_builder.h"
#include "tests/unit/text/vocabulary_files.h"

namespace dunlin::testing {
namespace {

using Ids = std::vector<int32_t>;

}  // namespace

TEST_CASE("added tokens are cut out leftmost first, of those the longest") {
  TokenizerSpec spec = byte_level_spec();
  const int32_t tag = add_token(spec, "<t>", TokenType::kUserDefined);
  const int32_t double_tag = add_token(spec, "<t><t>", TokenType::kUserDefined);
  const int32_t overlap = add_token(spec, "><", TokenType::kUserDefined);
  const auto tokenizer = make_tokenizer(std::move(spec));
  CHECK(encode(*tokenizer, "<t>", kPlain) == Ids{tag});
  CHECK(encode(*tokenizer, "<t><t><t>", kPlain) == Ids{double_tag, tag});
  CHECK(encode(*tokenizer, "a<t><", kPlain) == Ids{'a', tag, '<'});
  CHECK(encode(*tokenizer, "<t", kPlain) == Ids{'<', 't'});
  CHECK(encode(*tokenizer, "t><t>", kPlain) == Ids{'t', overlap, 't', '>'});
  CHECK(tokenizer->is_added(tag));
  CHECK_FALSE(tokenizer->is_added('a'));
}

TEST_CASE("control tokens need trusted text, user-defined ones do not") {
  TokenizerSpec spec = byte_level_spec();
  const int32_t control = add_token(spec, "<c>", TokenType::kControl);
  const int32_t user = add_token(spec, "<u>", TokenType::kUserDefined);
  const auto tokenizer = make_tokenizer(std::move(spec));
  CHECK(encode(*tokenizer, "<c><u>", kTrusted) == Ids{control, user});
  CHECK(encode(*tokenizer, "<c><u>", kPlain) == Ids{'<', 'c', '>', user});
  CHECK(tokenizer->is_control(control));
  CHECK_FALSE(tokenizer->is_control(user));
}

TEST_CASE("a control token that may not match leaves a shorter user-defined one alone") {
  TokenizerSpec spec = byte_level_spec();
  const int32_t user = add_token(spec, "<a", TokenType::kUserDefined);
  const int32_t control = add_token(spec, "<ab>", TokenType::kControl);
  const auto tokenizer = make_tokenizer(std::move(spec));
  CHECK(encode(*tokenizer, "<ab>", kTrusted) == Ids{control});
  CHECK(encode(*tokenizer, "<ab>", kPlain) == Ids{user, 'b', '>'});
}

TEST_CASE("lstrip and rstrip eat white space of every kind") {
  TokenizerSpec spec = byte_level_spec();
  const int32_t left = add_token(spec, "<l>", TokenType::kUserDefined, {.lstrip = true});
  const int32_t right = add_token(spec, "<r>", TokenType::kUserDefined, {.rstrip = true});
  const auto tokenizer = make_tokenizer(std::move(spec));
  CHECK(encode(*tokenizer, "a \n\t<l> b", kPlain) == Ids{'a', left, ' ', 'b'});
  CHECK(encode(*tokenizer,
               "a <r> \n\xE3\x80\x80\xC2\xA0"
               "b",
               kPlain) == Ids{'a', ' ', right, 'b'});
  CHECK(encode(*tokenizer, "\xE2\x80\x83<l>", kPlain) == Ids{left});
  CHECK(encode(*tokenizer, "<r>  <l>", kPlain) == Ids{right, left});
  CHECK(encode(*tokenizer, "<r>   ", kPlain) == Ids{right});
}

TEST_CASE("single_word tokens match only where no word touches them") {
  TokenizerSpec spec = byte_level_spec();
  const int32_t word = add_token(spec, "ab", TokenType::kUserDefined, {.single_word = true});
  const auto tokenizer = make_tokenizer(std::move(spec));
  CHECK(encode(*tokenizer, "ab", kPlain) == Ids{word});
  CHECK(encode(*tokenizer, "-ab.", kPlain) == Ids{'-', word, '.'});
  CHECK(encode(*tokenizer, "abc", kPlain) == Ids{'a', 'b', 'c'});
  CHECK(encode(*tokenizer, "_ab", kPlain) == Ids{'_', 'a', 'b'});
  CHECK(encode(*tokenizer, "ab\xC3\xA4", kPlain) == Ids{'a', 'b', 0xC3, 0xA4});
}

TEST_CASE("normalized added tokens are looked for after NFC, others before") {
  constexpr std::string_view kComposed = "<\xC3\xA4>";     // U+00E4
  constexpr std::string_view kDecomposed = "<a\xCC\x88>";  // U+0061 U+0308
  const bool normalized = GENERATE(false, true);
  TokenizerSpec spec = byte_level_spec();
  spec.nfc = true;
  const int32_t umlaut = add_token(spec, kComposed, TokenType::kUserDefined, {.normalized = normalized});
  const auto tokenizer = make_tokenizer(std::move(spec));
  CHECK(encode(*tokenizer, kComposed, kPlain) == Ids{umlaut});
  CHECK(encode(*tokenizer, kDecomposed, kPlain) == (normalized ? Ids{umlaut} : Ids{'<', 0xC3, 0xA4, '>'}));
}

TEST_CASE("Qwen and Llama 3: added tokens of published vocabularies") {
  const auto qwen = load_json_tokenizer("qwen2.5");
  CHECK(encode(*qwen, "<|im_start|>user\n<tool_call>", kTrusted) == Ids{151644, 872, 198, 151657});
  CHECK(encode(*qwen, "<tool_call>", kPlain) == Ids{151657});
  CHECK(encode(*qwen, "<|im_start|>", kPlain).size() > 1);
  CHECK(qwen->n_vocab() == 151665);
  const auto llama = load_json_tokenizer("llama3.2");
  CHECK(encode(*llama, "<|eot_id|>", kTrusted) == Ids{128009});
  CHECK(encode(*llama, "<|eot_id|>", kPlain).size() > 1);
}

TEST_CASE("Phi-3's added tokens eat what follows them, except for three") {
  const auto phi = load_gguf_tokenizer("phi-3");
  const Ids hello = encode(*phi, "Hello", kPlain);
  const auto after = [&](int32_t id) {
    Ids ids = {id};
    ids.insert(ids.end(), hello.begin(), hello.end());
    return ids;
  };
  CHECK(encode(*phi, "<|user|>\n Hello", kTrusted) == after(32010));
  CHECK(encode(*phi, "<|user|>Hello", kTrusted) == after(32010));
  CHECK(encode(*phi, "</s>  Hello", kPlain) == after(2));
  CHECK(encode(*phi, "<|endoftext|>Hello", kTrusted) == after(32000));
  CHECK(encode(*phi, "<|endoftext|>\nHello", kTrusted) != after(32000));
}

}  // namespace dunlin::testing
