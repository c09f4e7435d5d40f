// TokenizerSpec: everything that a model file says about its tokenizer, as plain data. A reader of one
// container (tokenizer_gguf.h, tokenizer_json.h) fills it; Tokenizer::create checks it completely and builds
// from it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/split_rules.h"

namespace dunlin {

inline constexpr uint64_t kMaxTokenizerTokens = uint64_t(1) << 21;
inline constexpr uint64_t kMaxTokenBytes = 64 * 1024;
inline constexpr uint64_t kMaxAddedTokenBytes = 512;

// U+2581, which stands for a space in SentencePiece's pieces.
inline constexpr std::string_view kSentencePieceSpace = "\xE2\x96\x81";

enum class TokenizerModel : uint8_t { kByteLevelBpe, kSentencePieceBpe };

// The values are those of tokenizer.ggml.token_type.
enum class TokenType : uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,      // a special token: only template text can spell it
  kUserDefined = 4,  // an added token that every text can spell
  kUnused = 5,
  kByte = 6,  // one byte, spelled <0xHH>
};

// Before which pieces of text SentencePiece puts a space that the text does not have.
enum class SpacePrefix : uint8_t { kNever, kFirst, kAlways };

struct Merge {
  std::string left;
  std::string right;
};

// A token that is cut out of the text before anything else. Its spelling is tokens[id]; it is special if and
// only if its type is kControl.
struct AddedToken {
  int32_t id = -1;
  bool lstrip = false;       // eats the white space before it
  bool rstrip = false;       // eats the white space after it
  bool single_word = false;  // only where no letter, number or underscore touches it
  bool normalized = false;   // looked for after NFC instead of before (only if not special)
};

// -1: the model has none.
struct SpecialIds {
  int32_t bos = -1;
  int32_t eos = -1;
  int32_t eot = -1;
  int32_t eom = -1;
  int32_t unknown = -1;
  int32_t padding = -1;
  int32_t fim_prefix = -1;
  int32_t fim_suffix = -1;
  int32_t fim_middle = -1;
};

struct ChatTemplateText {
  std::string name;  // "default", "tool_use", ...
  std::string text;
};

struct TokenizerSpec {
  std::string source;  // names the file in errors

  TokenizerModel model = TokenizerModel::kByteLevelBpe;
  std::vector<std::string> tokens;  // by id, as the file spells them
  std::vector<TokenType> types;     // as many as tokens
  std::vector<float> scores;        // as many as tokens, or none (then SentencePiece needs merges)
  std::vector<Merge> merges;        // the first one is merged first
  std::vector<AddedToken> added;
  std::vector<SplitStep> splits;  // byte-level BPE only: applied in turn

  bool add_bos = false;
  bool add_eos = false;
  bool ignore_merges = false;  // a pre-token that is in the vocabulary is taken whole
  bool nfc = false;
  SpacePrefix space_prefix = SpacePrefix::kNever;
  bool prefix_only_if_missing = false;  // Metaspace: no prefix where the text begins with a space already
  bool split_words = false;             // Metaspace with split: no token reaches over the begin of a word

  SpecialIds special;
  std::vector<int32_t> end_of_generation;  // beside eos, eot, eom and the well-known spellings

  // For the chat template engine; the tokenizer itself does not read them.
  std::vector<ChatTemplateText> chat_templates;
};

}  // namespace dunlin
