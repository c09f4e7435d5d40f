// BpeModel: the last stage of the encoder: one pre-token to token ids.
//
// Byte-level BPE begins with one symbol a byte and merges the adjacent pair that comes first in the merge
// list. SentencePiece begins with one symbol a character and merges the adjacent pair whose concatenation is
// the token of the highest score; read from a tokenizer.json it has a merge list instead. Ties go to the
// leftmost pair. Both are O(n log n) in the length of the pre-token.
//
// A character that the vocabulary lacks becomes its byte tokens; a byte that it lacks, too, is dropped, as in
// Hugging Face's tokenizers.
//
// Immutable after creation; any number of threads may use one, each with its own BpeScratch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/text/tokenizer_spec.h"
#include "core/text/vocabulary.h"

namespace dunlin {

// A run of bytes of the pre-token; symbols are linked in text order.
struct BpeSymbol {
  uint32_t begin = 0;
  uint32_t bytes = 0;  // 0: merged into its left neighbour
  int32_t id = -1;     // -1: no token
  int32_t prev = -1;
  int32_t next = -1;
};

// A symbol that can be merged with its right neighbour.
struct BpeCandidate {
  uint32_t rank = 0;   // lower is merged first
  int32_t left = 0;    // also the place in the text, for ties
  uint32_t bytes = 0;  // of both together: tells whether the candidate is still what it was
  int32_t id = -1;     // of the result
};

// Working memory that one encode() call reuses for all its pre-tokens.
struct BpeScratch {
  std::vector<BpeSymbol> symbols;
  std::vector<BpeCandidate> heap;
  std::string spelling;
};

class BpeModel {
 public:
  virtual ~BpeModel() = default;

  // Appends the ids of one pre-token (SentencePiece: with U+2581 for spaces).
  virtual void encode(std::string_view pretoken, BpeScratch& scratch, std::vector<int32_t>& out) const = 0;
};

// The vocabulary must outlive the model.
Result<std::unique_ptr<const BpeModel>> make_byte_level_bpe(const TokenizerSpec& spec,
                                                            const Vocabulary& vocabulary);
Result<std::unique_ptr<const BpeModel>> make_sentencepiece_bpe(const TokenizerSpec& spec,
                                                               const Vocabulary& vocabulary);

}  // namespace dunlin
