// RowPhase: steps that need nothing but their own row, one after the other on each row: look-ups, norms,
// rope, the KV store, sums, quantization. Threads share the rows, so no barrier stands between the steps.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "backends/cpu/kernels/linear.h"
#include "backends/cpu/kernels/vector.h"
#include "backends/cpu/kv_cache.h"
#include "backends/cpu/phase.h"
#include "backends/cpu/weight.h"

namespace dunlin::cpu {

// A value [rows, width] f32 in the workspace.
struct Rows {
  float* data = nullptr;
  int64_t width = 0;
  float* row(int64_t r) const { return data + r * width; }
};

struct EmbedStep {
  const CpuWeight* table;
  Rows out;
};
struct GatherStep {  // out[r] = x[logit_rows[r]]
  Rows x, out;
};
struct NormStep {
  Rows x, out;
  std::span<const float> weight;  // its length is the group that is normed
  float eps;
};
struct AddStep {
  Rows a, b, out;
};
struct GluStep {
  Rows gate, up, out;
  Activation activation;
};
struct CopyStep {
  Rows x, out;
};
// cos and sin of a row's position, [n_pairs] each.
struct RotationStep {
  const float* inv_freq;
  float magnitude;
  Rows cos, sin;
};
struct RopeStep {
  Rows x, out;
  int32_t head_dim, n_rot;
  Rows cos, sin;
};
struct KvStoreStep {
  Rows k, v;
  CpuKvCache* cache;
  int32_t layer;
};
struct QuantizeStep {
  Rows x;
  QuantizeFn run;
  uint8_t* out;  // rows of row_bytes
  int64_t row_bytes;
  int64_t block;  // values that are quantized together
};

using RowStep = std::variant<EmbedStep, GatherStep, NormStep, AddStep, GluStep, CopyStep, RotationStep,
                             RopeStep, KvStoreStep, QuantizeStep>;

class RowPhase final : public Phase {
 public:
  RowPhase(RowKind kind, const VectorKernelTable& kernels) : kind_(kind), kernels_(kernels) {}

  RowKind kind() const { return kind_; }
  void append(const std::string& name, RowStep step);

  void run(const StepInputs& step, const ThreadSlot& thread) override;
  PhaseReport report() const override { return {names_, str_cat(kernels_.isa, "/rows"), 0}; }

 private:
  // Where all that is to be done is to quantize one row, which other threads may have made: the threads share
  // its blocks.
  const QuantizeStep* only_quantizes() const;

  RowKind kind_;
  const VectorKernelTable& kernels_;
  std::vector<RowStep> steps_;
  std::string names_;
};

}  // namespace dunlin::cpu
