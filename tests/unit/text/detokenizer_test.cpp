#include "core/text/detokenizer.h"

#include <catch2/catch.hpp>

#include "core/text/utf8.h"
#include "tests/unit/text/spec_builder.h"
#include "tests/unit/text/vocabulary_files.h"

namespace dunlin::testing {
namespace {

// Everything that a stream of byte tokens prints; each piece must be valid by itself.
std::string stream(const Tokenizer& tokenizer, std::string_view bytes, int32_t first_byte_id) {
  Detokenizer detokenizer(tokenizer);
  std::string out;
  for (const char byte : bytes) {
    const std::string piece = detokenizer.push(first_byte_id + uint8_t(byte));
    CHECK(is_valid_utf8(piece));
    out += piece;
  }
  const std::string rest = detokenizer.flush();
  CHECK(is_valid_utf8(rest));
  return out + rest;
}

constexpr const char* kReplaced = "\xEF\xBF\xBD";

}  // namespace

TEST_CASE("a character comes out with its last byte") {
  const auto tokenizer = make_tokenizer(byte_level_spec());
  Detokenizer detokenizer(*tokenizer);
  CHECK(detokenizer.push(0xF0).empty());
  CHECK(detokenizer.push(0x9F).empty());
  CHECK(detokenizer.push(0x98).empty());
  CHECK(detokenizer.push(0x81) == "\xF0\x9F\x98\x81");
  CHECK(detokenizer.push('a') == "a");
  CHECK(detokenizer.flush().empty());
}

TEST_CASE("bytes that cannot become a character are replaced one by one") {
  const auto tokenizer = make_tokenizer(byte_level_spec());
  const std::string r = kReplaced;
  CHECK(stream(*tokenizer, "a\x80z", 0) == "a" + r + "z");
  CHECK(stream(*tokenizer, "\xF0\x9F\x98z", 0) == r + r + r + "z");
  CHECK(stream(*tokenizer, "\xC3\xC3\xA4", 0) == r + "\xC3\xA4");
  CHECK(stream(*tokenizer, "\xC0\x80", 0) == r + r);                  // overlong
  CHECK(stream(*tokenizer, "\xED\xA0\x80", 0) == r + r + r);          // surrogate
  CHECK(stream(*tokenizer, "\xF4\x90\x80\x80", 0) == r + r + r + r);  // above U+10FFFF
  CHECK(stream(*tokenizer, "\xE2\x82", 0) == r + r);                  // unfinished at the end
  CHECK(stream(*tokenizer, "\xF4\x8F\xBF\xBF", 0) == "\xF4\x8F\xBF\xBF");
}

TEST_CASE("a stream of bytes is the text") {
  const std::string text = "a \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x81 \xE0\xA4\x95\xE0\xA5\x8D\n";
  CHECK(stream(*make_tokenizer(byte_level_spec()), text, 0) == text);
  constexpr int32_t kFirstByteToken = 3;
  CHECK(stream(*make_tokenizer(sentencepiece_spec("")), text, kFirstByteToken) == text);
}

TEST_CASE("control tokens print only if asked, and do not break a character") {
  TokenizerSpec spec = byte_level_spec();
  const int32_t control = add_token(spec, "<c>", TokenType::kControl);
  const auto tokenizer = make_tokenizer(std::move(spec));
  const std::vector<int32_t> ids = {'a', control, 0xC3, control, 0xA4};
  CHECK(tokenizer->decode(ids) == "a\xC3\xA4");
  const std::vector<int32_t> whole = {'a', control};
  CHECK(tokenizer->decode(whole, /*print_control=*/true) == "a<c>");
}

TEST_CASE("ids that are no token print nothing") {
  const auto tokenizer = make_tokenizer(byte_level_spec());
  const std::vector<int32_t> ids = {'a', -1, 256, INT32_MAX, INT32_MIN, 'b'};
  CHECK(tokenizer->decode(ids) == "ab");
  CHECK(tokenizer->decode(ids, /*print_control=*/true) == "ab");
  CHECK(tokenizer->token_text(256).empty());
  CHECK(tokenizer->piece(-1).empty());
  CHECK(tokenizer->is_control(256));
  CHECK_FALSE(tokenizer->is_end_of_generation(-1));
}

TEST_CASE("SentencePiece drops the space that the encoder put") {
  TokenizerSpec spec = sentencepiece_spec("ab");
  const int32_t tag = add_token(spec, "<t>", TokenType::kUserDefined);
  const int32_t word = add_scored(spec,
                                  "\xE2\x96\x81"
                                  "a",
                                  -1.0f);
  const auto tokenizer = make_tokenizer(std::move(spec));
  const int32_t bos = tokenizer->bos();
  const auto decode = [&](std::vector<int32_t> ids) { return tokenizer->decode(ids); };
  CHECK(decode({word, word}) == "a a");
  CHECK(decode({bos, word, word}) == "a a");
  CHECK(decode({word, tag, word}) == "a<t>a");
  CHECK(tokenizer->piece(word) == " a");
  for (const std::string text : {"a", " a", "  a", "a<t>b", "a <t> b", " ", "a a ", "b\xC3\xA4 \n a"}) {
    INFO("'" << text << "'");
    CHECK(tokenizer->decode(encode(*tokenizer, text, kPlain)) == text);
  }

  const auto after = [&](std::vector<int32_t> before) {
    Detokenizer later(*tokenizer);
    later.follow(before);
    return later.push(word);
  };
  CHECK(after({}) == "a");
  CHECK(after({bos}) == "a");
  CHECK(after({word}) == " a");
  CHECK(after({bos, word, tag}) == "a");
  CHECK(after({tag, word}) == " a");
}

TEST_CASE("a prefix before the first piece only is dropped there only") {
  TokenizerSpec spec = sentencepiece_spec("ab");
  spec.space_prefix = SpacePrefix::kFirst;
  add_token(spec, "<t>", TokenType::kUserDefined);
  const auto tokenizer = make_tokenizer(std::move(spec));
  for (const std::string text : {"a<t> b", "<t>b", "<t> b", " a", "a"}) {
    INFO("'" << text << "'");
    const std::vector<int32_t> ids = encode(*tokenizer, text, kPlain);
    CHECK(tokenizer->decode(ids) == text);
    // A stream that goes on from any point of the text prints the rest of it.
    for (size_t cut = 0; cut < ids.size(); ++cut) {
      const std::vector<int32_t> before(ids.begin(), ids.begin() + int64_t(cut));
      Detokenizer rest(*tokenizer);
      rest.follow(before);
      std::string whole = tokenizer->decode(before);
      for (size_t i = cut; i < ids.size(); ++i) rest.push(ids[i], whole);
      CHECK(whole == text);
    }
  }
}

}  // namespace dunlin::testing
