#include <cmath>
#include <numeric>

#include "core/text/bpe.h"
#include "core/text/merge_ranks.h"
#include "core/text/utf8.h"

namespace dunlin {
namespace {

// The place of each token's score among all scores, highest first; equal scores have equal ranks.
std::vector<uint32_t> rank_scores(const std::vector<float>& scores) {
  std::vector<uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&scores](uint32_t a, uint32_t b) { return scores[a] > scores[b]; });
  std::vector<uint32_t> ranks(scores.size());
  for (size_t i = 1; i < order.size(); ++i) {
    const bool is_tie = scores[order[i]] == scores[order[i - 1]];
    ranks[order[i]] = is_tie ? ranks[order[i - 1]] : uint32_t(i);
  }
  return ranks;
}

class SentencePieceBpe final : public BpeModel {
 public:
  // Score ranks or, if they are empty, merges.
  SentencePieceBpe(const TokenizerSpec& spec, const Vocabulary& vocabulary, std::vector<uint32_t> score_ranks,
                   MergeRanks merges)
      : vocabulary_(vocabulary),
        score_ranks_(std::move(score_ranks)),
        merges_(std::move(merges)),
        ignore_merges_(spec.ignore_merges) {}

  void encode(std::string_view text, BpeScratch& scratch, std::vector<int32_t>& out) const override {
    if (ignore_merges_ && text.size() <= vocabulary_.longest_token_bytes()) {
      const int32_t whole = vocabulary_.find_plain(text);
      if (whole >= 0) {
        out.push_back(whole);
        return;
      }
    }
    scratch.symbols.clear();
    for (size_t at = 0; at < text.size();) {
      const uint32_t bytes = decode_utf8(text.substr(at)).bytes;
      scratch.symbols.push_back({uint32_t(at), bytes, vocabulary_.find_plain(text.substr(at, bytes))});
      at += bytes;
    }
    link_symbols(scratch.symbols);
    if (score_ranks_.empty()) {
      merge_symbols(scratch,
                    [this](const BpeSymbol& l, const BpeSymbol& r) { return merges_.find(l.id, r.id); });
    } else {
      merge_symbols(scratch,
                    [this, text](const BpeSymbol& l, const BpeSymbol& r) { return merge(text, l, r); });
    }
    for (const BpeSymbol& symbol : scratch.symbols) {
      if (symbol.bytes != 0) append(symbol, text, out);
    }
  }

 private:
  std::optional<BpeMerge> merge(std::string_view text, const BpeSymbol& left, const BpeSymbol& right) const {
    const size_t bytes = size_t(left.bytes) + right.bytes;
    if (bytes > vocabulary_.longest_token_bytes()) return std::nullopt;
    const int32_t id = vocabulary_.find_plain(text.substr(left.begin, bytes));
    if (id < 0) return std::nullopt;
    return BpeMerge{score_ranks_[size_t(id)], id};
  }

  void append(const BpeSymbol& symbol, std::string_view text, std::vector<int32_t>& out) const {
    if (symbol.id >= 0) {
      out.push_back(symbol.id);
      return;
    }
    for (const char byte : text.substr(symbol.begin, symbol.bytes)) {
      const int32_t id = vocabulary_.byte_token(uint8_t(byte));
      if (id >= 0) out.push_back(id);
    }
  }

  const Vocabulary& vocabulary_;
  std::vector<uint32_t> score_ranks_;  // by id
  MergeRanks merges_;
  bool ignore_merges_;
};

}  // namespace

Result<std::unique_ptr<const BpeModel>> make_sentencepiece_bpe(const TokenizerSpec& spec,
                                                               const Vocabulary& vocabulary) {
  if (spec.scores.empty() && spec.merges.empty()) {
    return Status::corrupt(spec.source,
                           ": a SentencePiece tokenizer needs scores or merges, and has neither");
  }
  for (size_t id = 0; id < spec.scores.size(); ++id) {
    if (std::isfinite(spec.scores[id])) continue;
    return Status::corrupt(spec.source, ": the score of token ", id, " is not a finite number");
  }
  MergeRanks merges;
  std::vector<uint32_t> score_ranks;
  if (spec.merges.empty()) {
    score_ranks = rank_scores(spec.scores);
  } else {
    DUNLIN_ASSIGN_OR_RETURN(merges, MergeRanks::build(spec, vocabulary));
  }
  return std::unique_ptr<const BpeModel>(
      std::make_unique<SentencePieceBpe>(spec, vocabulary, std::move(score_ranks), std::move(merges)));
}

}  // namespace dunlin
