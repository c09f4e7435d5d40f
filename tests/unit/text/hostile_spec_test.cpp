// Specs that Tokenizer::create must refuse, each with a message that names what is wrong.
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/unit/text/spec_builder.h"
#include "tests/unit/text/vocabulary_files.h"

namespace dunlin::testing {
namespace {

void check_refused(TokenizerSpec spec, std::string_view part_of_message,
                   StatusCode code = StatusCode::kCorrupt) {
  spec.source = "file.gguf";
  const auto tokenizer = Tokenizer::create(std::move(spec));
  REQUIRE_FALSE(tokenizer.is_ok());
  INFO(tokenizer.message());
  CHECK(tokenizer.status().code() == code);
  CHECK(tokenizer.message().starts_with("file.gguf: "));
  CHECK(tokenizer.message().find(part_of_message) != std::string::npos);
}

}  // namespace

TEST_CASE("vocabularies that do not fit together are refused") {
  SECTION("no tokens") {
    check_refused({}, "0 tokens");
  }
  SECTION("duplicates") {
    TokenizerSpec spec = byte_level_spec();
    add_token(spec, "a");
    check_refused(std::move(spec), "tokens 97 and 256 are both spelled 'a'");
  }
  SECTION("types of another length") {
    TokenizerSpec spec = byte_level_spec();
    spec.types.pop_back();
    check_refused(std::move(spec), "255 token types");
  }
  SECTION("scores of another length") {
    TokenizerSpec spec = byte_level_spec();
    spec.scores.resize(3);
    check_refused(std::move(spec), "3 scores");
  }
  SECTION("a type that does not exist") {
    TokenizerSpec spec = byte_level_spec();
    spec.types[5] = TokenType(7);
    check_refused(std::move(spec), "token 5 has the type 7");
  }
  SECTION("a token that is too long") {
    TokenizerSpec spec = byte_level_spec();
    add_token(spec, std::string(kMaxTokenBytes + 1, 'x'));
    check_refused(std::move(spec), "token 256 is 65537 bytes long");
  }
  SECTION("too many tokens") {
    TokenizerSpec spec = byte_level_spec();
    spec.tokens.resize(kMaxTokenizerTokens + 1);
    check_refused(std::move(spec), "2097153 tokens");
  }
}

TEST_CASE("holes in a vocabulary are no duplicates") {
  TokenizerSpec spec = byte_level_spec();
  add_token(spec, "", TokenType::kUnused);
  add_token(spec, "", TokenType::kUnused);
  CHECK(make_tokenizer(std::move(spec))->n_vocab() == 258);
}

TEST_CASE("merges outside of the vocabulary are refused") {
  SECTION("left") {
    TokenizerSpec spec = byte_level_spec();
    spec.merges = {{"zz", "a"}};
    check_refused(std::move(spec), "no token 'zz'");
  }
  SECTION("right") {
    TokenizerSpec spec = byte_level_spec();
    spec.merges = {{"a", "zz"}};
    check_refused(std::move(spec), "no token 'zz'");
  }
  SECTION("result") {
    TokenizerSpec spec = byte_level_spec();
    add_merge(spec, "a", "b");
    spec.merges.push_back({"a", "c"});
    check_refused(std::move(spec), "merge 1 'a' + 'c': the vocabulary has no token 'ac'");
  }
}

TEST_CASE("a merge never makes a control token out of plain text") {
  TokenizerSpec spec = byte_level_spec();
  add_token(spec, "ab", TokenType::kControl);
  spec.merges = {{"a", "b"}};
  const auto tokenizer = make_tokenizer(std::move(spec));
  CHECK(encode(*tokenizer, "ab", kPlain) == std::vector<int32_t>{'a', 'b'});
}

TEST_CASE("byte tokens are <0x00> to <0xFF>, all or none") {
  SECTION("one is missing") {
    TokenizerSpec spec = sentencepiece_spec("a");
    spec.types[3] = TokenType::kNormal;
    check_refused(std::move(spec), "255 byte tokens");
  }
  const std::string bad =
      GENERATE(as<std::string>{}, "<0xff>", "<0x1>", "0xFF", "<0xFG>", "<0X00>", "<0xFFF>", "");
  SECTION("one is spelled badly") {
    TokenizerSpec spec = sentencepiece_spec("a");
    spec.tokens[3] = bad;
    check_refused(std::move(spec), "token 3 is a byte token, but spelled '" + bad + "'");
  }
}

TEST_CASE("ids outside of the vocabulary are refused") {
  TokenizerSpec spec = byte_level_spec();
  const int32_t id = GENERATE(-2, 256, INT32_MAX, INT32_MIN);
  SECTION("special") {
    int32_t SpecialIds::*const members[] = {
        &SpecialIds::bos,        &SpecialIds::eos,        &SpecialIds::eot,
        &SpecialIds::eom,        &SpecialIds::unknown,    &SpecialIds::padding,
        &SpecialIds::fim_prefix, &SpecialIds::fim_suffix, &SpecialIds::fim_middle};
    for (const auto member : members) {
      TokenizerSpec bad = spec;
      bad.special.*member = id;
      check_refused(std::move(bad), std::to_string(id));
    }
  }
  SECTION("end of generation") {
    spec.end_of_generation = {id};
    check_refused(std::move(spec), "end-of-generation token has the id " + std::to_string(id));
  }
  SECTION("added") {
    spec.added = {{.id = id}};
    check_refused(std::move(spec), "added token has the id " + std::to_string(id));
  }
}

TEST_CASE("a BOS or EOS that is to be added must exist") {
  TokenizerSpec spec = byte_level_spec();
  SECTION("bos") {
    spec.add_bos = true;
    check_refused(std::move(spec), "adds a bos token");
  }
  SECTION("eos") {
    spec.add_eos = true;
    check_refused(std::move(spec), "adds a eos token");
  }
}

TEST_CASE("added tokens are texts of a bounded length") {
  TokenizerSpec spec = byte_level_spec();
  SECTION("too long") {
    add_token(spec, std::string(kMaxAddedTokenBytes + 1, 'x'), TokenType::kUserDefined);
    check_refused(std::move(spec), "513 bytes long", StatusCode::kUnsupported);
  }
  SECTION("not UTF-8") {
    add_token(spec, "\xFF", TokenType::kUserDefined);
    check_refused(std::move(spec), "'\\xff' is not valid UTF-8");
  }
  SECTION("an empty one matches nothing") {
    add_token(spec, "", TokenType::kUserDefined);
    const auto tokenizer = make_tokenizer(std::move(spec));
    CHECK(encode(*tokenizer, "ab", kPlain).size() == 2);
  }
}

TEST_CASE("SentencePiece needs finite scores, or merges") {
  SECTION("neither") {
    TokenizerSpec spec = sentencepiece_spec("a");
    spec.scores.clear();
    check_refused(std::move(spec), "needs scores or merges");
  }
  SECTION("not finite") {
    TokenizerSpec spec = sentencepiece_spec("a");
    spec.scores[7] = GENERATE(std::nanf(""), HUGE_VALF, -HUGE_VALF);
    check_refused(std::move(spec), "score of token 7");
  }
}

TEST_CASE("SentencePiece merges by score, leftmost on ties, and reads merges where it has them") {
  TokenizerSpec spec = sentencepiece_spec("abc");
  spec.space_prefix = SpacePrefix::kNever;
  const int32_t ab = add_scored(spec, "ab", -5.0f);
  const int32_t bc = add_scored(spec, "bc", -4.0f);
  const int32_t aa = add_scored(spec, "aa", -1.0f);
  constexpr int32_t a = 260;
  constexpr int32_t c = a + 2;
  SECTION("by score") {
    const auto tokenizer = make_tokenizer(std::move(spec));
    CHECK(encode(*tokenizer, "abc", kPlain) == std::vector<int32_t>{a, bc});
    CHECK(encode(*tokenizer, "aaa", kPlain) == std::vector<int32_t>{aa, a});
  }
  SECTION("by merges") {
    spec.merges = {{"a", "b"}, {"b", "c"}};
    const auto tokenizer = make_tokenizer(std::move(spec));
    CHECK(encode(*tokenizer, "abc", kPlain) == std::vector<int32_t>{ab, c});
  }
}

}  // namespace dunlin::testing
