// Vocabulary: the tokens of a model: spelling, type and bytes by id, and the id by spelling.
//
// Immutable after build(); any number of threads may read it. Lookups allocate nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/text/tokenizer_spec.h"

namespace dunlin {

class Vocabulary {
 public:
  Vocabulary() = default;

  // Refuses tokens, types and scores that do not fit together, duplicates, and incomplete byte tokens.
  static Result<Vocabulary> build(const TokenizerSpec& spec);

  size_t size() const { return types_.size(); }
  bool contains(int32_t id) const { return id >= 0 && size_t(id) < size(); }

  // The id must be in the vocabulary.
  std::string_view text(int32_t id) const { return view(texts_, text_ends_, id); }
  std::string_view piece(int32_t id) const { return view(pieces_, piece_ends_, id); }
  TokenType type(int32_t id) const { return types_[size_t(id)]; }
  // BPE may make it out of plain text.
  bool is_plain(int32_t id) const {
    return type(id) == TokenType::kNormal || type(id) == TokenType::kUserDefined;
  }

  // -1 if there is no such token.
  int32_t find(std::string_view text) const;
  // Only tokens that are is_plain.
  int32_t find_plain(std::string_view text) const;

  // The token <0xHH> of a byte; -1 if the model has no byte tokens.
  int32_t byte_token(uint8_t byte) const { return byte_tokens_.empty() ? -1 : byte_tokens_[byte]; }
  size_t longest_token_bytes() const { return longest_token_bytes_; }

 private:
  struct Slot {
    uint32_t hash = 0;
    int32_t id = -1;
  };

  static std::string_view view(const std::string& all, const std::vector<uint32_t>& ends, int32_t id) {
    const size_t begin = id == 0 ? 0 : ends[size_t(id) - 1];
    return std::string_view(all).substr(begin, ends[size_t(id)] - begin);
  }
  Status insert(int32_t id, const std::string& source);
  Status check_byte_tokens(const std::string& source);
  void append_piece(int32_t id, TokenizerModel model);

  // Spellings and bytes of all tokens, one after the other.
  std::string texts_;
  std::string pieces_;
  std::vector<uint32_t> text_ends_;
  std::vector<uint32_t> piece_ends_;
  std::vector<TokenType> types_;
  std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
  std::vector<int32_t> byte_tokens_;
  size_t longest_token_bytes_ = 0;
};

}  // namespace dunlin
