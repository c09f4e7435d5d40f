#include "backends/cuda/step_buffer.h"

#include <algorithm>
#include <cstring>

namespace dunlin::cuda {
namespace {

constexpr int32_t kCountWords = 4;
constexpr int32_t kSequenceWords = sizeof(SequenceView) / sizeof(int32_t);
constexpr int32_t kChoiceWords = sizeof(TokenChoice) / sizeof(int32_t);
constexpr int32_t kWindowCountWords = sizeof(TokenCount) / sizeof(int32_t);
constexpr int kChoices = 6, kWindowCounts = 7;  // sections

// Sections begin at multiples of 16 bytes.
int32_t round_up4(int32_t words) {
  return (words + 3) / 4 * 4;
}

}  // namespace

Result<StepBuffer> StepBuffer::create(const Context& context, const StepCapacityRows& capacity) {
  StepBuffer b;
  b.capacity_ = capacity;
  // One word before a boundary of 16 bytes: the step's number stands there.
  b.n_token_words_ = round_up4(capacity.n_logit_rows + 1) - 1;
  int32_t at = b.n_token_words_ + 1 + kCountWords;
  const int32_t n_windows = std::min(capacity.n_logit_rows, capacity.n_sequences);
  const int32_t sizes[8] = {capacity.n_rows,
                            capacity.n_rows,
                            capacity.n_rows,
                            capacity.n_logit_rows,
                            capacity.n_sequences * kSequenceWords,
                            capacity.n_sequences * capacity.n_blocks_per_sequence,
                            capacity.n_logit_rows * kChoiceWords,
                            n_windows * kMaxWindowTokens * kWindowCountWords};
  for (int i = 0; i < 8; ++i) {
    b.offsets_[i] = at;
    at += round_up4(sizes[i]);
  }
  b.n_words_ = at;
  const uint64_t bytes = uint64_t(at) * sizeof(uint32_t);
  DUNLIN_ASSIGN_OR_RETURN(b.device_, DeviceBuffer::allocate_zeroed(context, bytes, "step inputs"));
  DUNLIN_ASSIGN_OR_RETURN(b.image_, PinnedBuffer::allocate(context, kSlots * bytes, "step inputs"));
  DUNLIN_ASSIGN_OR_RETURN(b.results_,
                          PinnedBuffer::allocate(context, kSlots * b.result_bytes(), "step results"));
  std::memset(b.image_.data(), 0, b.image_.size());
  std::memset(b.results_.data(), 0, b.results_.size());
  const int32_t* base = b.device_.as<const int32_t>();
  b.view_.counts = base + b.n_token_words_ + 1;
  b.view_.tokens = base + b.offsets_[0];
  b.view_.positions = base + b.offsets_[1];
  b.view_.row_sequence = base + b.offsets_[2];
  b.view_.logit_rows = base + b.offsets_[3];
  b.view_.sequences = reinterpret_cast<const SequenceView*>(base + b.offsets_[4]);
  b.view_.block_tables = base + b.offsets_[5];
  b.view_.choices = reinterpret_cast<const TokenChoice*>(base + b.offsets_[kChoices]);
  b.view_.window_counts = reinterpret_cast<const TokenCount*>(base + b.offsets_[kWindowCounts]);
  b.view_.n_blocks_per_sequence = capacity.n_blocks_per_sequence;
  return b;
}

StepBeginParams StepBuffer::begin(int slot, bool samples) const {
  return {image(slot) + n_token_words_,
          device_.as<uint32_t>(uint64_t(n_token_words_) * sizeof(uint32_t)),
          device_tokens(),
          offsets_[kChoices] - n_token_words_,
          offsets_[0] - n_token_words_,
          capacity_.n_rows,
          capacity_.n_logit_rows,
          samples ? 1 + kStepChoiceWords : -1,
          0,
          nullptr};
}

CopyParams StepBuffer::end(int slot) const {
  return {device_.as<uint32_t>(), results(slot), n_token_words_ + 1, 0};
}

uint32_t StepBuffer::fill(const StepInputs& step, int slot) {
  auto* words = reinterpret_cast<int32_t*>(image(slot));
  const auto write = [&](int section, std::span<const int32_t> values) {
    std::ranges::copy(values, words + offsets_[section]);
  };
  if (++step_ == 0) ++step_;  // 0 means: nothing yet
  words[n_token_words_] = int32_t(step_);
  int32_t* counts = words + n_token_words_ + 1;
  counts[kStepRows] = step.n_rows();
  counts[kStepSequences] = step.n_sequences();
  counts[kStepLogitRows] = step.n_logit_rows();
  counts[kStepChoiceWords] = step.wants_sampled_tokens() ? write_choices(step, words) : 0;
  write(0, step.tokens());
  write(1, step.positions());
  write(2, step.row_sequence());
  write(3, step.logit_rows());
  int32_t index = 0;
  for (const StepSequence& s : step.sequences()) {
    const SequenceView view{s.first_row, s.n_rows, s.kv_begin, 0};
    std::memcpy(words + offsets_[4] + index * kSequenceWords, &view, sizeof view);
    const int32_t n_blocks = capacity_.n_blocks_per_sequence;
    std::copy_n(step.block_table(s), n_blocks, words + offsets_[5] + int64_t(index) * n_blocks);
    ++index;
  }
  return step_;
}

int32_t StepBuffer::write_choices(const StepInputs& step, int32_t* words) const {
  const std::span<const TokenChoice> choices = step.choices();
  const std::span<const TokenCount> counts = step.window_counts();
  std::memcpy(words + offsets_[kChoices], choices.data(), choices.size_bytes());
  std::memcpy(words + offsets_[kWindowCounts], counts.data(), counts.size_bytes());
  return offsets_[kWindowCounts] - offsets_[kChoices] + int32_t(counts.size()) * kWindowCountWords;
}

}  // namespace dunlin::cuda
