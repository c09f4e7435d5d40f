// The step's inputs and results: a block of device memory at a fixed address and its image in pinned memory.
// The host writes the image, step_begin brings it over, step_end brings the chosen tokens back. How tokens
// are to be chosen stands last and is brought over only for steps that sample. One word, the step's number,
// tells the host that they are there. What is in pinned memory exists twice, in slots that steps use in turn,
// so that a step can be written while the one before it runs.
#pragma once

#include "backends/cuda/context.h"
#include "backends/cuda/device/row_params.h"
#include "backends/cuda/device/step_view.h"
#include "core/device/step_inputs.h"

namespace dunlin::cuda {

struct StepCapacityRows {
  int32_t n_rows = 1;
  int32_t n_logit_rows = 1;
  int32_t n_sequences = 1;
  int32_t n_blocks_per_sequence = 1;
};

class StepBuffer {
 public:
  static Result<StepBuffer> create(const Context& context, const StepCapacityRows& capacity);

  static constexpr int kSlots = 2;

  // Writes the step into the slot's image and returns its number.
  uint32_t fill(const StepInputs& step, int slot);

  const StepView& view() const { return view_; }
  const int32_t* counts() const { return view_.counts; }
  // What step_begin and step_end do.
  StepBeginParams begin(int slot, bool samples) const;
  CopyParams end(int slot) const;

  int32_t* device_tokens() const { return device_.as<int32_t>(); }
  // Chosen tokens of the slot's last finished step, by logit row.
  std::span<const int32_t> tokens(int slot) const {
    return {reinterpret_cast<const int32_t*>(results(slot)), size_t(n_token_words_)};
  }
  // True once the step of this number has written its results.
  bool is_done(uint32_t step, int slot) const {
    return *const_cast<const volatile uint32_t*>(results(slot) + n_token_words_) == step;
  }

 private:
  // Returns how many words from the section of choices on step_begin must bring over.
  int32_t write_choices(const StepInputs& step, int32_t* words) const;
  uint64_t result_bytes() const { return uint64_t(n_token_words_ + 1) * sizeof(uint32_t); }
  uint32_t* image(int slot) const {
    return reinterpret_cast<uint32_t*>(image_.data()) + int64_t(slot) * n_words_;
  }
  uint32_t* results(int slot) const {
    return reinterpret_cast<uint32_t*>(results_.data()) + int64_t(slot) * (n_token_words_ + 1);
  }

  StepCapacityRows capacity_;
  DeviceBuffer device_;   // tokens | step number | counts | inputs | choices | their windows
  PinnedBuffer image_;    // the same, by slot
  PinnedBuffer results_;  // tokens | step number, by slot
  StepView view_{};
  int32_t n_token_words_ = 0;
  int32_t n_words_ = 0;
  // In words: tokens, positions, row_sequence, logit_rows, sequences, block_tables, choices, window counts.
  int32_t offsets_[8] = {};
  uint32_t step_ = 0;
};

}  // namespace dunlin::cuda
