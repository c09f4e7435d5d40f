#include <array>

#include "core/text/bpe.h"
#include "core/text/byte_alphabet.h"
#include "core/text/merge_ranks.h"
#include "core/text/utf8.h"

namespace dunlin {
namespace {

class ByteLevelBpe final : public BpeModel {
 public:
  ByteLevelBpe(const TokenizerSpec& spec, const Vocabulary& vocabulary, MergeRanks ranks)
      : vocabulary_(vocabulary), ranks_(std::move(ranks)), ignore_merges_(spec.ignore_merges) {
    std::string letter;
    for (size_t byte = 0; byte < id_of_byte_.size(); ++byte) {
      letter.clear();
      append_utf8(letter, letter_of_byte(uint8_t(byte)));
      id_of_byte_[byte] = vocabulary.find_plain(letter);
    }
  }

  void encode(std::string_view pretoken, BpeScratch& scratch, std::vector<int32_t>& out) const override {
    if (pretoken.size() == 1) {
      append(id_of_byte_[uint8_t(pretoken[0])], out);
      return;
    }
    if (ignore_merges_ && pretoken.size() <= vocabulary_.longest_token_bytes()) {
      scratch.spelling.clear();
      append_spelling(pretoken, scratch.spelling);
      const int32_t whole = vocabulary_.find_plain(scratch.spelling);
      if (whole >= 0) {
        out.push_back(whole);
        return;
      }
    }
    scratch.symbols.clear();
    for (size_t i = 0; i < pretoken.size(); ++i) {
      scratch.symbols.push_back({uint32_t(i), 1, id_of_byte_[uint8_t(pretoken[i])]});
    }
    link_symbols(scratch.symbols);
    merge_symbols(scratch,
                  [this](const BpeSymbol& l, const BpeSymbol& r) { return ranks_.find(l.id, r.id); });
    for (const BpeSymbol& symbol : scratch.symbols) {
      if (symbol.bytes != 0) append(symbol.id, out);
    }
  }

 private:
  // Falcon and StarCoder have no token for some bytes.
  static void append(int32_t id, std::vector<int32_t>& out) {
    if (id >= 0) out.push_back(id);
  }

  const Vocabulary& vocabulary_;
  MergeRanks ranks_;
  std::array<int32_t, 256> id_of_byte_{};
  bool ignore_merges_;
};

}  // namespace

Result<std::unique_ptr<const BpeModel>> make_byte_level_bpe(const TokenizerSpec& spec,
                                                            const Vocabulary& vocabulary) {
  DUNLIN_ASSIGN_OR_RETURN(MergeRanks ranks, MergeRanks::build(spec, vocabulary));
  return std::unique_ptr<const BpeModel>(std::make_unique<ByteLevelBpe>(spec, vocabulary, std::move(ranks)));
}

}  // namespace dunlin
