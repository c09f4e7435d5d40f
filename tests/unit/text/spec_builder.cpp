#include "tests/unit/text/spec_builder.h"

#include "core/text/byte_alphabet.h"

namespace dunlin::testing {

int32_t add_token(TokenizerSpec& spec, std::string_view text, TokenType type, AddedToken flags) {
  const int32_t id = int32_t(spec.tokens.size());
  spec.tokens.emplace_back(text);
  spec.types.push_back(type);
  if (spec.model == TokenizerModel::kSentencePieceBpe) spec.scores.push_back(-1000.0f);
  if (type == TokenType::kControl || type == TokenType::kUserDefined) {
    flags.id = id;
    spec.added.push_back(flags);
  }
  return id;
}

TokenizerSpec byte_level_spec() {
  TokenizerSpec spec;
  spec.source = "test";
  spec.splits = {{SplitRule::kGpt2, SplitKeep::kBoth, {}}};
  for (int byte = 0; byte < 256; ++byte) {
    std::string letter;
    append_spelling(std::string(1, char(byte)), letter);
    add_token(spec, letter);
  }
  return spec;
}

int32_t add_merge(TokenizerSpec& spec, std::string_view left, std::string_view right) {
  spec.merges.push_back({std::string(left), std::string(right)});
  return add_token(spec, std::string(left) + std::string(right));
}

TokenizerSpec sentencepiece_spec(std::string_view letters) {
  constexpr char kHex[] = "0123456789ABCDEF";
  TokenizerSpec spec;
  spec.source = "test";
  spec.model = TokenizerModel::kSentencePieceBpe;
  spec.space_prefix = SpacePrefix::kAlways;
  add_token(spec, "<unk>", TokenType::kUnknown);
  spec.special.bos = add_token(spec, "<s>", TokenType::kControl);
  spec.special.eos = add_token(spec, "</s>", TokenType::kControl);
  for (int byte = 0; byte < 256; ++byte) {
    add_token(spec, std::string("<0x") + kHex[byte / 16] + kHex[byte % 16] + ">", TokenType::kByte);
  }
  add_scored(spec, "\xE2\x96\x81", -100.0f);
  for (const char letter : letters) add_scored(spec, std::string(1, letter), -101.0f);
  return spec;
}

int32_t add_scored(TokenizerSpec& spec, std::string_view text, float score) {
  const int32_t id = add_token(spec, text);
  spec.scores.back() = score;
  return id;
}

}  // namespace dunlin::testing
