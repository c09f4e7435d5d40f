#include "backends/cpu/lower.h"

#include <algorithm>
#include <map>

#include "backends/cpu/phases/attention_phase.h"
#include "backends/cpu/phases/linear_phase.h"
#include "backends/cpu/phases/row_phase.h"
#include "core/graph/memory_plan.h"
#include "core/graph/op_info.h"

namespace dunlin::cpu {
namespace {

GluActivation glu_activation(Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return GluActivation::kSilu;
    case Activation::kGeluTanh:
      return GluActivation::kGeluTanh;
  }
  return GluActivation::kSilu;
}

class Lowering {
 public:
  Lowering(const Graph& graph, const PlanBindings& bindings, const Isa& isa, bool observed)
      : graph_(graph), bindings_(bindings), isa_(isa), observed_(observed) {}

  Result<LoweredPlan> run();

 private:
  struct Rotation {
    ValueId inv_freq;
    float magnitude;
    Rows cos, sin;
  };
  struct Quantized {
    ValueId value = kNoValue;
    uint8_t* data = nullptr;
  };

  Status allocate_values();
  Status allocate_quantized();
  Result<uint8_t*> allocate(uint64_t bytes, const char* what);

  Status lower_node(const Node& node);
  Status lower_linear(const Node& node);
  Status lower_linear_group(const Node& node);
  Status lower_linear_glu(const Node& node);
  Status lower_rope(const Node& node);
  Status lower_attention(const Node& node);

  // The open row phase for this kind of rows; a new one if the last phase is something else.
  RowPhase& row_phase(RowKind kind);
  // The same for a step that reads and writes these values. A phase takes a row through all its steps before
  // the next row: a value must not get bytes in which another of the phase has rows elsewhere.
  RowPhase& row_phase(RowKind kind, std::span<const ValueId> reads, std::span<const ValueId> writes);
  bool is_disturbed_by(ValueId written) const;
  void add_phase(std::unique_ptr<Phase> phase);
  void add_linear_phase(const Node& node, std::vector<LinearJob> jobs);
  // x in the layout that weights of this type read, quantized now if it is not yet.
  const uint8_t* activations(ValueId x, DType weight);
  LinearJob linear_job(ValueId x, ValueId weight, ValueId bias, ValueId out);
  Result<const Rotation*> rotation(const Node& node);

  const CpuWeight& weight(ValueId id) const {
    return *static_cast<const CpuWeight*>(bindings_.weights[size_t(graph_.value(id).index)]);
  }
  CpuKvCache* cache() const { return static_cast<CpuKvCache*>(bindings_.kv_cache); }
  RowKind kind_of(ValueId id) const { return plan_.value_rows[size_t(id)]; }
  Rows rows(ValueId id) const {
    return {plan_.value_data[size_t(id)], graph_.value(id).shape.row_elements()};
  }

  const Graph& graph_;
  const PlanBindings& bindings_;
  const Isa& isa_;
  const bool observed_;
  LoweredPlan plan_;
  RowPhase* open_ = nullptr;
  std::vector<ValueId> touched_;  // temps that the open phase reads or writes
  std::vector<Rotation> rotations_;
  float* partials_ = nullptr;
  std::map<ActivationLayout, Quantized> quantized_;
};

Result<uint8_t*> Lowering::allocate(uint64_t bytes, const char* what) {
  AlignedBuffer buffer(std::max<uint64_t>(bytes, 1));
  if (buffer.data() == nullptr)
    return Status::exhausted("no memory for ", bytes, " bytes of ", what,
                             "; a smaller batch or context needs less");
  // Rows that a step does not use are never read, but kernels may touch them in whole tiles: no NaN traps.
  std::fill_n(buffer.data(), bytes, uint8_t(0));
  plan_.memory.push_back(std::move(buffer));
  return plan_.memory.back().data();
}

Status Lowering::allocate_values() {
  const MemoryPlan memory = plan_memory(graph_, in_place_values(graph_));
  DUNLIN_ASSIGN_OR_RETURN(uint8_t* const base, allocate(uint64_t(memory.workspace_bytes), "activations"));
  plan_.value_data.assign(graph_.values.size(), nullptr);
  plan_.value_rows.assign(graph_.values.size(), RowKind::kToken);
  for (size_t v = 0; v < graph_.values.size(); ++v) {
    if (memory.offsets[v] < 0) continue;
    plan_.value_data[v] = reinterpret_cast<float*>(base + memory.offsets[v]);
    if (is_logit_row_value(graph_, ValueId(v))) plan_.value_rows[v] = RowKind::kLogit;
  }
  if (graph_.hidden != kNoValue) {
    const auto bytes = uint64_t(graph_.value(graph_.hidden).shape.elements()) * sizeof(float);
    DUNLIN_ASSIGN_OR_RETURN(uint8_t* const hidden, allocate(bytes, "hidden rows"));
    plan_.value_data[size_t(graph_.hidden)] = reinterpret_cast<float*>(hidden);
  }
  return Status::ok();
}

// One buffer a layout, large enough for the widest input: a quantized input lives only until its linear ran.
Status Lowering::allocate_quantized() {
  std::map<ActivationLayout, int64_t> bytes;
  for (const Node& node : graph_.nodes) {
    for (const ValueId id : node.inputs) {
      const Value& v = graph_.value(id);
      if (v.kind != ValueKind::kWeight || v.shape.rank() != 2 || node.op == OpKind::kEmbed) continue;
      const ActivationLayout layout = activation_layout(v.type);
      if (layout == ActivationLayout::kF32) continue;
      const int64_t n_rows = std::max(graph_.capacity.n_rows, graph_.capacity.n_logit_rows);
      bytes[layout] = std::max(bytes[layout], activation_bytes(layout, n_rows, v.shape[1]));
    }
  }
  for (const auto& [layout, size] : bytes) {
    DUNLIN_ASSIGN_OR_RETURN(quantized_[layout].data, allocate(uint64_t(size), "quantized activations"));
  }
  return Status::ok();
}

void Lowering::add_phase(std::unique_ptr<Phase> phase) {
  plan_.phases.push_back(std::move(phase));
  open_ = nullptr;
}

RowPhase& Lowering::row_phase(RowKind kind) {
  if (open_ == nullptr || open_->kind() != kind) {
    auto phase = std::make_unique<RowPhase>(kind, *isa_.vector);
    RowPhase* opened = phase.get();
    add_phase(std::move(phase));
    open_ = opened;
    touched_.clear();
  }
  return *open_;
}

bool Lowering::is_disturbed_by(ValueId written) const {
  const auto end = [&](ValueId id) { return rows(id).data + graph_.value(id).shape.elements(); };
  return std::ranges::any_of(touched_, [&](ValueId id) {
    const bool same_rows = rows(id).data == rows(written).data && rows(id).width == rows(written).width;
    return !same_rows && rows(id).data < end(written) && rows(written).data < end(id);
  });
}

RowPhase& Lowering::row_phase(RowKind kind, std::span<const ValueId> reads, std::span<const ValueId> writes) {
  if (std::ranges::any_of(writes, [&](ValueId id) { return is_disturbed_by(id); })) open_ = nullptr;
  RowPhase& phase = row_phase(kind);
  for (const auto& values : {reads, writes})
    for (const ValueId id : values)
      if (rows(id).data != nullptr) touched_.push_back(id);
  return phase;
}

const uint8_t* Lowering::activations(ValueId x, DType weight) {
  const ActivationLayout layout = activation_layout(weight);
  const Rows source = rows(x);
  if (layout == ActivationLayout::kF32) return reinterpret_cast<const uint8_t*>(source.data);
  Quantized& q = quantized_[layout];
  if (q.value != x) {
    q.value = x;
    row_phase(kind_of(x))
        .append(str_cat("quantize_", activation_layout_name(layout)),
                QuantizeStep{source, select_quantize(*isa_.linear, layout)->run, q.data,
                             activation_row_bytes(layout, source.width), activation_block(layout)});
  }
  return q.data;
}

LinearJob Lowering::linear_job(ValueId x, ValueId w, ValueId bias, ValueId out) {
  LinearJob job;
  job.weight = weight(w).packed();
  job.activations = activations(x, job.weight.type);
  const Rows to = rows(out);
  job.epilogue.out = to.data;
  job.epilogue.out_stride = to.width;
  if (bias != kNoValue) job.epilogue.bias = weight(bias).vector().data();
  return job;
}

void Lowering::add_linear_phase(const Node& node, std::vector<LinearJob> jobs) {
  add_phase(
      std::make_unique<LinearPhase>(node.name, kind_of(node.outputs[0]), *isa_.linear, std::move(jobs)));
}

Status Lowering::lower_linear(const Node& node) {
  const auto& attrs = Graph::attrs_of<LinearAttrs>(node);
  LinearJob job =
      linear_job(node.inputs[0], node.inputs[1], attrs.has_bias ? node.inputs[2] : kNoValue, node.outputs[0]);
  if (attrs.has_residual) {
    const ValueId residual = node.inputs.back();
    if (rows(residual).data != rows(node.outputs[0]).data)
      row_phase(kind_of(residual), {&residual, 1}, node.outputs)
          .append("copy", CopyStep{rows(residual), rows(node.outputs[0])});
    job.epilogue.accumulate = true;
  }
  add_linear_phase(node, {job});
  return Status::ok();
}

Status Lowering::lower_linear_group(const Node& node) {
  const std::vector<LinearMember> members = linear_group_members(node);
  std::vector<LinearJob> jobs;
  for (size_t i = 0; i < members.size(); ++i)
    jobs.push_back(linear_job(node.inputs[0], members[i].weight, members[i].bias, node.outputs[i]));
  add_linear_phase(node, std::move(jobs));
  return Status::ok();
}

Status Lowering::lower_linear_glu(const Node& node) {
  LinearJob job = linear_job(node.inputs[0], node.inputs[1], kNoValue, node.outputs[0]);
  job.op = LinearOp::kGlu;
  job.epilogue.activation = glu_activation(Graph::attrs_of<GluAttrs>(node).activation);
  job.up = weight(node.inputs[2]).packed();
  add_linear_phase(node, {job});
  return Status::ok();
}

Result<const Lowering::Rotation*> Lowering::rotation(const Node& node) {
  const auto& attrs = Graph::attrs_of<RopeAttrs>(node);
  for (const Rotation& r : rotations_)
    if (r.inv_freq == node.inputs[2] && r.magnitude == attrs.magnitude) return &r;
  const int64_t n_pairs = attrs.n_rot / 2;
  const uint64_t bytes = uint64_t(graph_.capacity.n_rows) * uint64_t(n_pairs) * sizeof(float);
  DUNLIN_ASSIGN_OR_RETURN(uint8_t* const cos, allocate(bytes, "rotation tables"));
  DUNLIN_ASSIGN_OR_RETURN(uint8_t* const sin, allocate(bytes, "rotation tables"));
  rotations_.push_back({node.inputs[2],
                        attrs.magnitude,
                        {reinterpret_cast<float*>(cos), n_pairs},
                        {reinterpret_cast<float*>(sin), n_pairs}});
  const Rotation& r = rotations_.back();
  const auto& inv_freq = graph_.constants[size_t(graph_.value(node.inputs[2]).index)];
  row_phase(RowKind::kToken).append("rotation", RotationStep{inv_freq.data(), r.magnitude, r.cos, r.sin});
  return &r;
}

Status Lowering::lower_rope(const Node& node) {
  const auto& attrs = Graph::attrs_of<RopeAttrs>(node);
  DUNLIN_ASSIGN_OR_RETURN(const Rotation* const r, rotation(node));
  row_phase(RowKind::kToken, node.inputs, node.outputs)
      .append(node.name, RopeStep{rows(node.inputs[0]), rows(node.outputs[0]), attrs.head_dim, attrs.n_rot,
                                  r->cos, r->sin});
  return Status::ok();
}

Status Lowering::lower_attention(const Node& node) {
  const auto& attrs = Graph::attrs_of<AttentionAttrs>(node);
  const KvLayout& layout = cache()->layout();
  const int n_pages = std::max(1, bindings_.n_blocks_per_sequence);
  const auto stride = uint64_t(attention_partials_bytes(attrs.n_head, layout, 1, n_pages));
  const int32_t n_paged_rows = std::min(kMaxPagedRows, graph_.capacity.n_rows);
  if (partials_ == nullptr) {
    DUNLIN_ASSIGN_OR_RETURN(uint8_t* const data,
                            allocate(stride * uint64_t(n_paged_rows), "attention partials"));
    partials_ = reinterpret_cast<float*>(data);
  }
  plan_.scratch_bytes =
      std::max(plan_.scratch_bytes, uint64_t(attention_scratch_bytes(attrs.n_head, layout)));
  const AttentionJob job{node.name,
                         isa_.vector,
                         attrs,
                         cache(),
                         rows(node.inputs[0]),
                         rows(node.outputs[0]),
                         partials_,
                         int64_t(stride / sizeof(float))};
  add_phase(std::make_unique<AttentionPhase>(job));
  add_phase(std::make_unique<AttentionMergePhase>(job));
  return Status::ok();
}

Status Lowering::lower_node(const Node& node) {
  const auto in = [&](size_t i) { return rows(node.inputs[i]); };
  const auto out = [&] { return rows(node.outputs[0]); };
  const auto append = [&](RowStep step) {
    row_phase(node.outputs.empty() ? RowKind::kToken : kind_of(node.outputs[0]), node.inputs, node.outputs)
        .append(node.name, std::move(step));
    return Status::ok();
  };
  switch (node.op) {
    case OpKind::kEmbed:
      return append(EmbedStep{&weight(node.inputs[1]), out()});
    case OpKind::kRmsNorm:
      return append(
          NormStep{in(0), out(), weight(node.inputs[1]).vector(), Graph::attrs_of<RmsNormAttrs>(node).eps});
    case OpKind::kAdd:
      return append(AddStep{in(0), in(1), out()});
    case OpKind::kGlu:
      return append(GluStep{in(0), in(1), out(), Graph::attrs_of<GluAttrs>(node).activation});
    case OpKind::kGatherRows:
      open_ = nullptr;  // reads rows that other threads made
      return append(GatherStep{in(0), out()});
    case OpKind::kKvAppend:
      return append(KvStoreStep{in(0), in(1), cache(), Graph::attrs_of<KvAppendAttrs>(node).layer});
    case OpKind::kRope:
      return lower_rope(node);
    case OpKind::kAttention:
      return lower_attention(node);
    case OpKind::kLinear:
      return lower_linear(node);
    case OpKind::kLinearGroup:
      return lower_linear_group(node);
    case OpKind::kLinearGlu:
      return lower_linear_glu(node);
  }
  return Status::internal("op ", op_name(node.op), " has no lowering");
}

Result<LoweredPlan> Lowering::run() {
  DUNLIN_RETURN_IF_ERROR(allocate_values());
  DUNLIN_RETURN_IF_ERROR(allocate_quantized());
  for (const Node& node : graph_.nodes) {
    std::string why;
    if (!can_lower(graph_, node, isa_, &why))
      return Status::unsupported("node '", node.name, "': ", why, " (device cpu:", isa_.linear->isa, ")");
    DUNLIN_RETURN_IF_ERROR(lower_node(node));
    // Values that share bytes: what was quantized from the bytes' last owner is stale.
    for (auto& [layout, q] : quantized_)
      for (const ValueId id : node.outputs)
        if (q.value == id) q.value = kNoValue;
    if (!observed_) continue;
    open_ = nullptr;
    plan_.last_phase_of_node.push_back(int32_t(plan_.phases.size()) - 1);
  }
  return std::move(plan_);
}

bool explain(std::string* why, std::string reason) {
  if (why != nullptr) *why = std::move(reason);
  return false;
}

bool can_lower_weights(const Graph& graph, const Node& node, const Isa& isa, LinearOp op, std::string* why) {
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    const Value& w = graph.value(node.inputs[i]);
    if (w.kind != ValueKind::kWeight || w.shape.rank() != 2) continue;
    if (!can_pack(isa.linear->layout, w.type, w.shape[1]) ||
        select_linear(*isa.linear, op, w.type, 1) == nullptr)
      return explain(
          why, str_cat("no kernel for weight '", w.name, "' ", dtype_name(w.type), w.shape.to_string()));
  }
  return true;
}

}  // namespace

bool can_lower(const Graph& graph, const Node& node, const Isa& isa, std::string* why) {
  switch (node.op) {
    case OpKind::kLinear:
    case OpKind::kLinearGroup:
      return can_lower_weights(graph, node, isa, LinearOp::kLinear, why);
    case OpKind::kLinearGlu:
      if (graph.value(node.inputs[1]).type != graph.value(node.inputs[2]).type)
        return explain(why, "gate and up have different types");
      return can_lower_weights(graph, node, isa, LinearOp::kGlu, why);
    case OpKind::kAttention:
      if (!supports_kv_head_dim(Graph::attrs_of<AttentionAttrs>(node).head_dim))
        return explain(why, str_cat("head_dim ", Graph::attrs_of<AttentionAttrs>(node).head_dim,
                                    " is not a multiple of 8 in 16..256"));
      return true;
    default:
      return true;
  }
}

Result<LoweredPlan> lower(const Graph& graph, const PlanBindings& bindings, const Isa& isa, bool observed) {
  return Lowering(graph, bindings, isa, observed).run();
}

}  // namespace dunlin::cpu
