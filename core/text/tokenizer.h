// Tokenizer: text to token ids and back.
//
//   text -> cut at added tokens -> each piece: normalize, pre-tokenize, BPE -> BOS/EOS
//
// Invalid UTF-8 is read as one U+FFFD per byte. decode(encode(s)) == s for valid UTF-8, except for text that
// NFC changes (under a tokenizer that normalizes), U+2581 under SentencePiece, white space that an added
// token eats, and bytes that the vocabulary cannot express at all, which are dropped.
//
// Immutable after create(): any number of threads may use one tokenizer at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/text/added_tokens.h"
#include "core/text/bpe.h"
#include "core/text/pretokenize.h"
#include "core/text/tokenizer_spec.h"
#include "core/text/vocabulary.h"

namespace dunlin {

// The longest text that one encode() takes, in bytes.
inline constexpr uint64_t kMaxEncodeBytes = uint64_t(32) << 20;

struct EncodeOptions {
  bool add_special = true;     // BOS and EOS as the model wants them; BOS is never put twice
  bool parse_special = false;  // the text is trusted: it may spell control tokens
  bool is_prompt = false;      // the model is to go on behind it: no EOS
};

// A part of a rendered chat template. Control tokens count only where they lie wholly in template text; all
// other text is tokenized as if there were no marks.
struct TextSegment {
  std::string_view text;
  bool is_template = false;
};

class Tokenizer {
 public:
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // Checks the whole spec. kCorrupt or kUnsupported name spec.source and the token, merge or id at fault.
  static Result<std::unique_ptr<const Tokenizer>> create(TokenizerSpec spec);

  // Errors: kResourceExhausted above kMaxEncodeBytes; kInvalidArgument if a regular expression of the model
  // takes too many steps on this text.
  Result<std::vector<int32_t>> encode(std::string_view text, EncodeOptions options = {}) const;
  // A prompt: BOS as the model wants it, EOS only where the template spells it.
  Result<std::vector<int32_t>> encode_marked(std::span<const TextSegment> segments,
                                             bool add_bos = true) const;

  // The text of these ids; ids that are no token print nothing. For streams see detokenizer.h.
  std::string decode(std::span<const int32_t> ids, bool print_control = false) const;

  int32_t n_vocab() const { return int32_t(vocabulary_.size()); }

  // The following take any id. The views live as long as the tokenizer.
  // How the model file spells the token ("\u0120the", "<0x0A>"); empty for an id that is no token.
  std::string_view token_text(int32_t id) const;
  // The bytes that the token stands for (" the", "\n"); they need not be whole UTF-8 characters.
  std::string_view piece(int32_t id) const;
  // Prints nothing by default: control, unknown and unused tokens, and ids that are no token.
  bool is_control(int32_t id) const;
  // A token that is cut out of the text before BPE.
  bool is_added(int32_t id) const;
  bool is_end_of_generation(int32_t id) const;

  // The id of a token by its spelling; -1 if there is none.
  int32_t find_token(std::string_view text) const { return vocabulary_.find(text); }

  int32_t bos() const { return special_.bos; }
  int32_t eos() const { return special_.eos; }
  bool adds_bos() const { return add_bos_; }
  bool adds_eos() const { return add_eos_; }
  // Every id that ends a generation, rising.
  std::span<const int32_t> end_of_generation_ids() const { return end_of_generation_; }
  SpacePrefix space_prefix() const { return space_prefix_; }

 private:
  struct Job;

  Tokenizer() = default;
  Status build(TokenizerSpec spec);
  Status build_special_ids(const TokenizerSpec& spec);
  Result<std::vector<int32_t>> run(std::span<const TextSegment> segments, bool add_bos, bool add_eos) const;
  Status encode_cut(Job& job, std::string_view text, const AddedTokenMatcher& matcher,
                    std::span<const TextRange> trusted, bool normalized) const;
  Status encode_piece(Job& job, std::string_view piece, bool at_start) const;
  void encode_sentencepiece(Job& job, std::string_view piece, bool at_start) const;

  std::string source_;
  Vocabulary vocabulary_;
  std::unique_ptr<const BpeModel> bpe_;
  PreTokenizer pretokenizer_;
  AddedTokenMatcher raw_added_;         // looked for in the text as it is
  AddedTokenMatcher normalized_added_;  // looked for after NFC
  std::vector<bool> is_added_;
  std::vector<int32_t> end_of_generation_;
  SpecialIds special_;
  TokenizerModel model_ = TokenizerModel::kByteLevelBpe;
  SpacePrefix space_prefix_ = SpacePrefix::kNever;
  bool prefix_only_if_missing_ = false;
  bool split_words_ = false;
  bool add_bos_ = false;
  bool add_eos_ = false;
  bool nfc_ = false;
};

}  // namespace dunlin
