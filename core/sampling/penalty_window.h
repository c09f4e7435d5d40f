// PenaltyWindow: how often each token occurs among the last tokens of a sequence, and the penalties for it.
// One sequence owns it; not thread-safe. All memory is taken at construction.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/device/token_choice.h"

namespace dunlin {

class PenaltyWindow {
 public:
  // last_n: tokens that count; -1 counts all, 0 none.
  PenaltyWindow(int32_t n_vocab, int32_t last_n);
  // Move-only: a copy of a reserved vector would have lost its reserve.
  PenaltyWindow(PenaltyWindow&&) noexcept = default;
  PenaltyWindow& operator=(PenaltyWindow&&) noexcept = default;

  // The sequence's next token, of the prompt or generated; 0 <= token < n_vocab.
  void accept(int32_t token);

  // For each token in the window, with its count:
  //   logit = (logit > 0 ? logit / repeat : logit * repeat) - (count * frequency + presence)
  void apply(std::span<float> logits, float repeat, float presence, float frequency) const;

  // The distinct tokens of the window, in no order. Valid until the next accept().
  std::span<const TokenCount> counts() const { return entries_; }
  // The same without the token that the next accept() removes. out holds at least counts().size(); returns
  // how many there are.
  size_t counts_before_next(std::span<TokenCount> out) const;
  // A token that is accepted is counted.
  bool counts_tokens() const { return last_n_ != 0; }

 private:
  void add(int32_t token);
  void remove(int32_t token);

  int32_t last_n_;
  std::vector<TokenCount> entries_;  // the distinct tokens of the window, in no order; never reallocated
  std::vector<int32_t> index_of_;    // token -> its entry, or -1
  std::vector<int32_t> ring_;        // the window's tokens; empty if all count
  size_t ring_next_ = 0;
  size_t ring_used_ = 0;
};

}  // namespace dunlin
