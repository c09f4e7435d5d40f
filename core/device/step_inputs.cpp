#include "core/device/step_inputs.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/device/kv_spec.h"

namespace dunlin {

const char* kv_type_name(KvType type) {
  return type == KvType::kF16 ? "f16" : "q8_0";
}

StepInputs::StepInputs(StepCapacity capacity)
    : capacity_(capacity),
      tokens_(size_t(capacity.n_rows)),
      positions_(size_t(capacity.n_rows)),
      row_sequence_(size_t(capacity.n_rows)),
      logit_rows_(size_t(capacity.n_logit_rows)),
      block_ids_(size_t(capacity.n_sequences) * size_t(capacity.n_blocks_per_sequence)),
      sequences_(size_t(capacity.n_sequences)) {}

void StepInputs::clear() {
  n_rows_ = n_sequences_ = n_logit_rows_ = 0;
  wants_host_logits_ = false;
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

bool StepInputs::want_logits(int32_t row) {
  if (!want_token(row)) return false;
  wants_host_logits_ = true;
  return true;
}

bool StepInputs::want_token(int32_t row) {
  DUNLIN_CHECK(row >= 0 && row < n_rows_);
  if (n_logit_rows_ == capacity_.n_logit_rows) return false;
  logit_rows_[size_t(n_logit_rows_++)] = row;
  return true;
}

}  // namespace dunlin
