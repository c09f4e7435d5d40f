// StepInputs: everything that changes from step to step, at addresses that never change. A step holds rows; a
// row is one token of one sequence. Rows of a sequence are adjacent and in order of position. Sized once;
// filling it allocates nothing. Written by one thread between steps, read by the plan during a step.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/device/token_choice.h"

namespace dunlin {

struct StepCapacity {
  int32_t n_rows = 0;
  int32_t n_logit_rows = 0;
  int32_t n_sequences = 0;
  int32_t n_blocks_per_sequence = 0;  // KV blocks of the longest context
};

// One sequence's part of a step.
struct StepSequence {
  int32_t first_row = 0;
  int32_t n_rows = 0;
  int32_t kv_begin = 0;     // position of its first row = tokens already in the cache
  int32_t block_table = 0;  // where its block ids begin in block_ids
};

// In place of a token: what the device chooses for a logit row of the step before, which may still be
// running. For steps of the same plan on devices that run ahead.
constexpr int32_t chosen_token(int32_t logit_row) {
  return -1 - logit_row;
}

class StepInputs {
 public:
  explicit StepInputs(StepCapacity capacity);

  void clear();
  // Appends a sequence's rows. blocks covers positions [0, kv_begin + tokens.size()). False if it does not
  // fit.
  bool add_sequence(std::span<const int32_t> tokens, int32_t kv_begin, std::span<const int32_t> blocks);
  // Becomes `step` as it is for a cache whose blocks hold a factor-th of the positions: block b is blocks
  // b * factor, b * factor + 1 and so on. This one's capacity is the other's with factor times the blocks.
  void copy_for_smaller_blocks(const StepInputs& step, int32_t factor);
  // Marks a row (index in this step) whose logits are wanted; logits come in the order of these calls.
  bool want_logits(int32_t row);
  // Marks a row of which only the device's own choice is wanted. window: the tokens that the penalties count,
  // each once, at most kMaxWindowTokens. Counted as a logit row.
  bool want_token(int32_t row, const TokenChoice& choice = {}, std::span<const TokenCount> window = {});

  const StepCapacity& capacity() const { return capacity_; }
  int32_t n_rows() const { return n_rows_; }
  int32_t n_sequences() const { return n_sequences_; }
  int32_t n_logit_rows() const { return n_logit_rows_; }
  // True if the host wants to see logits: some want_logits(), not only want_token().
  bool wants_host_logits() const { return wants_host_logits_; }
  // True if some token is not simply that of the largest logit.
  bool wants_sampled_tokens() const { return wants_sampled_tokens_; }
  std::span<const int32_t> tokens() const { return {tokens_.data(), size_t(n_rows_)}; }
  std::span<const int32_t> positions() const { return {positions_.data(), size_t(n_rows_)}; }
  std::span<const int32_t> row_sequence() const { return {row_sequence_.data(), size_t(n_rows_)}; }
  std::span<const int32_t> logit_rows() const { return {logit_rows_.data(), size_t(n_logit_rows_)}; }
  // By logit row; as made for those of want_logits().
  std::span<const TokenChoice> choices() const { return {choices_.data(), size_t(n_logit_rows_)}; }
  // The windows of all choices, one behind the other.
  std::span<const TokenCount> window_counts() const {
    return {window_counts_.data(), size_t(n_window_counts_)};
  }
  std::span<const StepSequence> sequences() const { return {sequences_.data(), size_t(n_sequences_)}; }
  const int32_t* block_table(const StepSequence& s) const { return block_ids_.data() + s.block_table; }

 private:
  StepCapacity capacity_;
  int32_t n_rows_ = 0;
  int32_t n_sequences_ = 0;
  int32_t n_logit_rows_ = 0;
  int32_t n_window_counts_ = 0;
  bool wants_host_logits_ = false;
  bool wants_sampled_tokens_ = false;
  std::vector<int32_t> tokens_, positions_, row_sequence_, logit_rows_, block_ids_;
  std::vector<StepSequence> sequences_;
  std::vector<TokenChoice> choices_;
  std::vector<TokenCount> window_counts_;
};

}  // namespace dunlin
