#include "backends/cpu/phases/row_phase.h"

#include <cmath>
#include <cstring>

#include "platforms/work_split.h"

namespace dunlin::cpu {
namespace {

// One row through one step.
struct RunRow {
  const VectorKernelTable& kernels;
  const StepInputs& step;
  int64_t r;

  void operator()(const EmbedStep& s) const {
    s.table->embedding_row(step.tokens()[size_t(r)], s.out.row(r));
  }
  void operator()(const GatherStep& s) const {
    std::memcpy(s.out.row(r), s.x.row(step.logit_rows()[size_t(r)]), size_t(s.out.width) * sizeof(float));
  }
  void operator()(const CopyStep& s) const {
    std::memcpy(s.out.row(r), s.x.row(r), size_t(s.out.width) * sizeof(float));
  }
  void operator()(const NormStep& s) const {
    const auto group = int64_t(s.weight.size());
    kernels.rms_norm(s.x.row(r), group, s.weight.data(), s.eps, s.out.row(r), group, s.x.width / group,
                     group);
  }
  void operator()(const AddStep& s) const { kernels.add(s.a.row(r), s.b.row(r), s.out.row(r), s.out.width); }
  void operator()(const GluStep& s) const {
    const auto kernel = s.activation == Activation::kGeluTanh ? kernels.gelu_tanh_mul : kernels.silu_mul;
    kernel(s.gate.row(r), s.up.row(r), s.out.row(r), s.out.width);
  }
  void operator()(const RotationStep& s) const {
    const double position = step.positions()[size_t(r)];
    for (int64_t i = 0; i < s.cos.width; ++i) {
      const double theta = position * double(s.inv_freq[i]);
      s.cos.row(r)[i] = float(std::cos(theta) * double(s.magnitude));
      s.sin.row(r)[i] = float(std::sin(theta) * double(s.magnitude));
    }
  }
  void operator()(const RopeStep& s) const {
    if (s.out.data != s.x.data) (*this)(CopyStep{s.x, s.out});
    kernels.rope(s.out.row(r), s.head_dim, s.out.width / s.head_dim, s.n_rot, s.cos.row(r), s.sin.row(r));
  }
  void operator()(const KvStoreStep& s) const {
    const int32_t position = step.positions()[size_t(r)];
    const StepSequence& sequence = step.sequences()[size_t(step.row_sequence()[size_t(r)])];
    const int32_t block = step.block_table(sequence)[position / kKvBlockTokens];
    const KvLayout& layout = s.cache->layout();
    kernels.kv_store(&layout, s.cache->layer_base(s.layer) + block * s.cache->block_stride(),
                     position % kKvBlockTokens, 0, layout.n_kv_heads, s.k.row(r), s.v.row(r));
  }
  void operator()(const QuantizeStep& s) const {
    s.run({s.x.row(r), s.x.width, s.x.width, s.out + r * s.row_bytes, 0, 1});
  }
};

void quantize_share(const QuantizeStep& s, const ThreadSlot& thread) {
  const IndexRange share = static_share(s.x.width, thread.index, thread.count, s.block);
  if (share.empty()) return;
  const int64_t block_bytes = s.row_bytes / (s.x.width / s.block);
  s.run({s.x.data + share.begin, s.x.width, share.size(), s.out + share.begin / s.block * block_bytes, 0, 1});
}

}  // namespace

void RowPhase::append(const std::string& name, RowStep step) {
  steps_.push_back(std::move(step));
  names_ += (names_.empty() ? "" : "+") + name;
}

const QuantizeStep* RowPhase::only_quantizes() const {
  return steps_.size() == 1 ? std::get_if<QuantizeStep>(&steps_.front()) : nullptr;
}

void RowPhase::run(const StepInputs& step, const ThreadSlot& thread) {
  if (const QuantizeStep* s = only_quantizes(); s != nullptr && n_rows_of(step, kind_) == 1)
    return quantize_share(*s, thread);
  const IndexRange rows = static_share(n_rows_of(step, kind_), thread.index, thread.count);
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const RunRow run_row{kernels_, step, r};
    for (const RowStep& s : steps_) std::visit(run_row, s);
  }
}

}  // namespace dunlin::cpu
