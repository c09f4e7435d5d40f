// The step's inputs and results: a block of device memory at a fixed address and its image in pinned memory.
// The host writes the image, step_begin brings it over, step_end brings the chosen tokens back. One word, the
// step's number, tells the host that they are there.
#pragma once

#include "backends/cuda/context.h"
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

  // Writes the step into the image and returns its number.
  uint32_t fill(const StepInputs& step);

  const StepView& view() const { return view_; }
  const int32_t* counts() const { return view_.counts; }
  // What step_begin and step_end copy.
  const uint32_t* image() const { return reinterpret_cast<const uint32_t*>(image_.data()) + n_token_words_; }
  uint32_t* device_inputs() const { return device_.as<uint32_t>() + n_token_words_; }
  int32_t n_input_words() const { return n_words_ - n_token_words_; }
  const uint32_t* device_results() const { return device_.as<uint32_t>(); }
  uint32_t* image_results() const { return reinterpret_cast<uint32_t*>(results_.data()); }
  int32_t n_result_words() const { return n_token_words_ + 1; }

  int32_t* device_tokens() const { return device_.as<int32_t>(); }
  // Chosen tokens of the last finished step, by logit row.
  std::span<const int32_t> tokens() const {
    return {reinterpret_cast<const int32_t*>(results_.data()), size_t(n_token_words_)};
  }
  // True once the step of this number has written its results.
  bool is_done(uint32_t step) const {
    return *(reinterpret_cast<const volatile uint32_t*>(results_.data()) + n_token_words_) == step;
  }

 private:
  StepCapacityRows capacity_;
  DeviceBuffer device_;   // tokens | step number | counts | inputs
  PinnedBuffer image_;    // the same
  PinnedBuffer results_;  // tokens | step number
  StepView view_{};
  int32_t n_token_words_ = 0;
  int32_t n_words_ = 0;
  int32_t offsets_[6] = {};  // in words: tokens, positions, row_sequence, logit_rows, sequences, block_tables
  uint32_t step_ = 0;
};

}  // namespace dunlin::cuda
