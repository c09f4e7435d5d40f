// PenaltyWindow: how often each token occurs among the last tokens of a sequence, and the penalties for it.
// One sequence owns it; not thread-safe. All memory is taken at construction.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

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
  //   logit = (logit > 0 ? logit / repeat : logit * repeat) - count * frequency - presence
  // Source: Keskar et al., "CTRL", 2019 (repeat), and the OpenAI API reference (frequency, presence).
  void apply(std::span<float> logits, float repeat, float presence, float frequency) const;

 private:
  struct Entry {
    int32_t token;
    int32_t count;
  };

  void add(int32_t token);
  void remove(int32_t token);

  int32_t last_n_;
  std::vector<Entry> entries_;     // the distinct tokens of the window, in no order; never reallocated
  std::vector<int32_t> index_of_;  // token -> its entry, or -1
  std::vector<int32_t> ring_;      // the window's tokens; empty if all count
  size_t ring_next_ = 0;
  size_t ring_used_ = 0;
};

}  // namespace dunlin
