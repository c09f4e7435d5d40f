#include "core/device/step_inputs.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/device/kv_spec.h"

namespace dunlin {

const char* kv_type_name(KvType type) {
  return type == KvType::kF16 ? "f16" : type == KvType::kQ8_0 ? "q8_0" : "fp8";
}

StepInputs::StepInputs(StepCapacity capacity)
    : capacity_(capacity),
      tokens_(size_t(capacity.n_rows)),
      positions_(size_t(capacity.n_rows)),
      row_sequence_(size_t(capacity.n_rows)),
      logit_rows_(size_t(capacity.n_logit_rows)),
      block_ids_(size_t(capacity.n_sequences) * size_t(capacity.n_blocks_per_sequence)),
      sequences_(size_t(capacity.n_sequences)),
      choices_(size_t(capacity.n_logit_rows)),
      window_counts_(size_t(std::min(capacity.n_sequences, capacity.n_logit_rows)) * kMaxWindowTokens) {}

void StepInputs::clear() {
  n_rows_ = n_sequences_ = n_logit_rows_ = n_window_counts_ = 0;
  wants_host_logits_ = wants_sampled_tokens_ = false;
}

bool StepInputs::add_sequence(std::span<const int32_t> tokens, int32_t kv_begin,
                              std::span<const int32_t> blocks) {
  const auto n = int32_t(tokens.size());
  if (n > capacity_.n_rows - n_rows_ || n_sequences_ == capacity_.n_sequences) return false;
  if (int32_t(blocks.size()) > capacity_.n_blocks_per_sequence) return false;
  StepSequence& s = sequences_[size_t(n_sequences_)];
  s = {n_rows_, n, kv_begin, n_sequences_ * capacity_.n_blocks_per_sequence};
  std::copy(blocks.begin(), blocks.end(), block_ids_.begin() + s.block_table);
  std::copy(tokens.begin(), tokens.end(), tokens_.begin() + n_rows_);
  for (int32_t i = 0; i < n; ++i) {
    positions_[size_t(n_rows_ + i)] = kv_begin + i;
    row_sequence_[size_t(n_rows_ + i)] = n_sequences_;
  }
  n_rows_ += n;
  ++n_sequences_;
  return true;
}

void StepInputs::copy_for_smaller_blocks(const StepInputs& step, int32_t factor) {
  DUNLIN_CHECK(capacity_.n_rows == step.capacity_.n_rows &&
               capacity_.n_logit_rows == step.capacity_.n_logit_rows &&
               block_ids_.size() == step.block_ids_.size() * size_t(factor));
  n_rows_ = step.n_rows_;
  n_sequences_ = step.n_sequences_;
  n_logit_rows_ = step.n_logit_rows_;
  n_window_counts_ = step.n_window_counts_;
  wants_host_logits_ = step.wants_host_logits_;
  wants_sampled_tokens_ = step.wants_sampled_tokens_;
  std::ranges::copy(step.choices(), choices_.begin());
  std::ranges::copy(step.window_counts(), window_counts_.begin());
  std::ranges::copy(step.tokens(), tokens_.begin());
  std::ranges::copy(step.positions(), positions_.begin());
  std::ranges::copy(step.row_sequence(), row_sequence_.begin());
  std::ranges::copy(step.logit_rows(), logit_rows_.begin());
  std::ranges::copy(step.sequences(), sequences_.begin());
  for (StepSequence& s : std::span(sequences_).first(size_t(n_sequences_))) s.block_table *= factor;
  for (size_t i = 0; i < step.block_ids_.size(); ++i)
    for (int32_t part = 0; part < factor; ++part)
      block_ids_[i * size_t(factor) + size_t(part)] = step.block_ids_[i] * factor + part;
}

bool StepInputs::want_logits(int32_t row) {
  if (!want_token(row)) return false;
  wants_host_logits_ = true;
  return true;
}

bool StepInputs::want_token(int32_t row, const TokenChoice& choice, std::span<const TokenCount> window) {
  DUNLIN_CHECK(row >= 0 && row < n_rows_ && window.size() <= size_t(kMaxWindowTokens));
  if (n_logit_rows_ == capacity_.n_logit_rows) return false;
  if (window.size() > window_counts_.size() - size_t(n_window_counts_)) return false;
  TokenChoice& own = choices_[size_t(n_logit_rows_)];
  own = choice;
  own.first_count = n_window_counts_;
  own.n_counts = int32_t(window.size());
  std::copy(window.begin(), window.end(), window_counts_.begin() + n_window_counts_);
  n_window_counts_ += own.n_counts;
  wants_sampled_tokens_ = wants_sampled_tokens_ || !own.takes_largest_logit();
  logit_rows_[size_t(n_logit_rows_++)] = row;
  return true;
}

}  // namespace dunlin
