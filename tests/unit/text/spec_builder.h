// Small tokenizers for tests, whose ids can be worked out by hand.
#pragma once

#include <string>
#include <string_view>

#include "core/text/tokenizer_spec.h"

namespace dunlin::testing {

// Appends a token; control and user-defined ones become added tokens. Returns its id.
int32_t add_token(TokenizerSpec& spec, std::string_view text, TokenType type = TokenType::kNormal,
                  AddedToken flags = {});

// Byte-level BPE with gpt-2's pre-tokenizer: ids 0..255 are the bytes.
TokenizerSpec byte_level_spec();

// Appends a merge and the token that it makes; the parts are given as they are spelled.
int32_t add_merge(TokenizerSpec& spec, std::string_view left, std::string_view right);

// SentencePiece with a space prefix, BOS 1, EOS 2, byte tokens 3..258 and the letters given, of falling
// score.
TokenizerSpec sentencepiece_spec(std::string_view letters);
int32_t add_scored(TokenizerSpec& spec, std::string_view text, float score);

}  // namespace dunlin::testing
