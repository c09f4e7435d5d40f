// AddedTokenMatcher: finds the added tokens in a text, leftmost first, of those the longest.
//
// Immutable after build(); any number of threads may use it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/text/tokenizer_spec.h"
#include "core/text/vocabulary.h"

namespace dunlin {

// A range of bytes of a text.
struct TextRange {
  size_t begin = 0;
  size_t end = 0;
};

struct AddedTokenMatch {
  int32_t id = -1;     // -1: there is none
  TextRange consumed;  // with the white space that the token eats
};

class AddedTokenMatcher {
 public:
  AddedTokenMatcher() = default;

  // The ids must be in the vocabulary. Tokens without a spelling are left out.
  static Result<AddedTokenMatcher> build(std::span<const AddedToken> tokens, const Vocabulary& vocabulary,
                                         const std::string& source);

  bool empty() const { return tokens_.empty(); }

  // The first match at or after `from`. Control tokens match only inside of one of the trusted ranges, which
  // are sorted and do not touch each other.
  AddedTokenMatch find(std::string_view text, size_t from, std::span<const TextRange> trusted) const;

 private:
  struct Node {
    uint8_t byte = 0;
    int32_t token = -1;  // index in tokens_ of the one that ends here
    int32_t first_child = -1;
    int32_t next_sibling = -1;
  };
  struct Token {
    AddedToken added;
    bool is_control = false;
  };

  void insert(std::string_view spelling, int32_t token);
  int32_t child(int32_t node, uint8_t byte) const;
  AddedTokenMatch match_at(std::string_view text, size_t at, size_t trusted_end) const;

  std::vector<Token> tokens_;
  std::vector<Node> nodes_;             // a trie below the first byte
  std::vector<int32_t> node_of_first_;  // by first byte; -1: no token begins with it
};

}  // namespace dunlin
