// WeightTable: the tensors of a model under GGUF's names, wherever they came from, each present with the
// shape that the config implies. Borrows what the tensors are read from; immutable after it is built.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/log.h"
#include "core/base/status.h"
#include "core/model/config.h"
#include "core/model/safetensors.h"
#include "core/tensor/tensor_source.h"

namespace dunlin {

struct Weight {
  std::string name;     // "blk.3.attn_q.weight"
  TensorSource tensor;  // rows as they lie in the file
  std::string source;   // file, for messages
  // 0: rows are in the order of the model. Else heads of this many rows keep rotary pairs side by side
  // (llama's q and k in GGUF), and row r of the model is row source_row(r) of the file. A bias counts
  // elements as rows.
  int64_t paired_head_rows = 0;

  bool rows_are_permuted() const { return paired_head_rows != 0; }
  int64_t source_row(int64_t row) const {
    if (paired_head_rows == 0) return row;
    const int64_t half = paired_head_rows / 2;
    const int64_t in_head = row % paired_head_rows;
    return row - in_head + 2 * (in_head % half) + in_head / half;
  }
};

// A tensor of some file that has already its GGUF name.
struct NamedTensor {
  std::string name;
  TensorSource tensor;
  std::string source;
};

class WeightTable {
 public:
  // Checks the tensors against the config. permuted: q and k rows of these files are paired (GGUF llama).
  // Unknown tensors are reported to log and left out. Computes rope_freqs.weight for Llama 3
  // scaling where the file has no such tensor.
  static Result<WeightTable> build(const ModelConfig& config, std::vector<NamedTensor> tensors, bool permuted,
                                   const std::string& source, const Log& log);

  WeightTable() = default;
  WeightTable(WeightTable&&) = default;
  WeightTable& operator=(WeightTable&&) = default;

  // Sorted by name.
  std::span<const Weight> weights() const { return weights_; }
  // Null if there is none; what a config requires is always there.
  const Weight* find(std::string_view name) const;
  const Weight& at(std::string_view name) const;  // DUNLIN_CHECKs
  // The elements of rope_freqs.weight; empty if there is none.
  std::span<const float> rope_freqs() const { return rope_freqs_; }

 private:
  std::vector<Weight> weights_;
  std::vector<float> rope_freqs_;  // the elements stay where they are when the table moves
};

// The GGUF name of a Hugging Face tensor ("model.layers.0.self_attn.q_proj.weight"), or empty if there is
// none.
std::string gguf_name_from_hf(std::string_view name);

// Refuses NaN and infinity anywhere in the weights: reads and decodes every block, so it takes a while.
Status check_weights_finite(const WeightTable& weights);

}  // namespace dunlin
