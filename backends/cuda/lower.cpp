#include "backends/cuda/lower.h"

#include <algorithm>

#include "backends/cuda/lowering.h"
#include "core/graph/memory_plan.h"

namespace dunlin::cuda {
namespace {

constexpr int32_t kArgmaxParts = 64;

bool explain(std::string* why, std::string reason) {
  if (why != nullptr) *why = std::move(reason);
  return false;
}

}  // namespace

Result<DeviceBuffer*> Lowering::scratch(uint64_t bytes, const char* what) {
  // Zeroed: kernels load whole groups of rows, and a NaN in a row that is not there must not come to life.
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer buffer, DeviceBuffer::allocate_zeroed(context_, bytes, what));
  plan_.scratch.push_back(std::move(buffer));
  return &plan_.scratch.back();
}

Result<const float*> Lowering::device_copy(const std::vector<float>& values, const char* what) {
  const uint64_t bytes = values.size() * sizeof(float);
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const buffer, scratch(bytes, what));
  DUNLIN_RETURN_IF_ERROR(context_.check(
      context_.driver().cuMemcpyHtoDAsync(buffer->address(), values.data(), bytes, context_.stream()), what));
  DUNLIN_RETURN_IF_ERROR(context_.synchronize(what));  // the source is the caller's
  return buffer->as<const float>();
}

Status Lowering::allocate() {
  const Graph reading = with_fused_inputs(graph_, fusions_);
  const MemoryPlan memory = plan_memory(reading, in_place_values(reading), 256);
  DUNLIN_ASSIGN_OR_RETURN(plan_.workspace, DeviceBuffer::allocate_zeroed(
                                               context_, uint64_t(memory.workspace_bytes), "activations"));
  plan_.value_data.assign(graph_.values.size(), nullptr);
  logit_rows_.assign(graph_.values.size(), false);
  for (size_t v = 0; v < graph_.values.size(); ++v) {
    if (memory.offsets[v] < 0) continue;
    plan_.value_data[v] = plan_.workspace.as<float>(uint64_t(memory.offsets[v]));
    logit_rows_[v] = is_logit_row_value(graph_, ValueId(v));
  }
  plan_.logits = plan_.value_data[size_t(graph_.logits)];
  if (graph_.hidden != kNoValue) {
    const auto bytes = uint64_t(graph_.value(graph_.hidden).shape.elements()) * sizeof(float);
    DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const buffer, scratch(bytes, "hidden rows"));
    plan_.value_data[size_t(graph_.hidden)] = plan_.hidden = buffer->as<float>();
  }
  DUNLIN_RETURN_IF_ERROR(allocate_quantized_rows());
  DUNLIN_RETURN_IF_ERROR(allocate_gemm_operands());
  return allocate_split_rows();
}

void Lowering::lower_embed(const Node& node) {
  EmbedParams p{};
  p.table = weight(node.inputs[1]).matrix();
  p.out = data(node.outputs[0]);
  p.counts = plan_.step.counts();
  p.tokens = plan_.step.view().tokens;
  if (single_row()) p.emission = emission_of(node.outputs[0]);
  const auto parts = uint32_t(std::clamp<int64_t>(p.table.k / kRowBlock, 1, 16));
  add(make_launch(kernels_.embed, node.name, {uint32_t(graph_.capacity.n_rows), parts}, kRowBlock, p));
}

void Lowering::lower_rows(const Node& node, const Kernel<RowParams>& kernel, RowParams p) {
  const ValueId out = node.outputs[0];
  p.out = data(out);
  p.counts = plan_.step.counts();
  p.count_index = count_index(out);
  p.width = width(out);
  const auto parts = uint32_t(std::clamp(p.width / int32_t(4 * kRowBlock), 1, 16));
  add(make_launch(kernel, node.name, {uint32_t(capacity(out)), parts}, kRowBlock, p));
}

Status Lowering::inv_freq(ValueId constant, const float*& out) {
  const float*& known = inv_freq_[constant];
  if (known == nullptr) {
    DUNLIN_ASSIGN_OR_RETURN(
        known, device_copy(graph_.constants[size_t(graph_.value(constant).index)], "rotation frequencies"));
  }
  out = known;
  return Status::ok();
}

Status Lowering::lower_node(size_t index) {
  const Node& node = graph_.nodes[index];
  RowParams p{};
  if (!node.inputs.empty()) p.a = plan_.value_data[size_t(node.inputs[0])];
  switch (node.op) {
    case OpKind::kEmbed:
      lower_embed(node);
      return Status::ok();
    case OpKind::kRmsNorm:
      p.b = weight(node.inputs[1]).vector();
      p.group = int32_t(graph_.value(node.inputs[1]).shape[0]);
      p.eps = Graph::attrs_of<RmsNormAttrs>(node).eps;
      lower_rows(node, kernels_.rows_rms_norm, p);
      return Status::ok();
    case OpKind::kRope: {
      const auto& attrs = Graph::attrs_of<RopeAttrs>(node);
      DUNLIN_RETURN_IF_ERROR(inv_freq(node.inputs[2], p.b));
      p.index = plan_.step.view().positions;
      p.group = attrs.head_dim, p.n_rot = attrs.n_rot, p.magnitude = attrs.magnitude;
      lower_rows(node, kernels_.rows_rope, p);
      return Status::ok();
    }
    case OpKind::kAdd:
    case OpKind::kGlu:
      p.b = data(node.inputs[1]);
      lower_rows(node, node.op == OpKind::kAdd ? kernels_.rows_add : kernels_.rows_glu, p);
      return Status::ok();
    case OpKind::kGatherRows:
      p.index = plan_.step.view().logit_rows;
      lower_rows(node, kernels_.rows_gather, p);
      return Status::ok();
    case OpKind::kKvAppend:
      return Status::ok();  // its attention does it
    case OpKind::kAttention:
      return lower_attention(index);
    case OpKind::kLinear:
      return lower_linear(node);
    case OpKind::kLinearGroup:
      return lower_linear_group(node);
    case OpKind::kLinearGlu:
      return lower_linear_glu(node);
  }
  return Status::internal("op ", op_name(node.op), " has no lowering");
}

Status Lowering::lower_argmax() {
  const auto rows = uint64_t(graph_.capacity.n_logit_rows);
  ArgmaxParams p{};
  p.logits = plan_.logits;
  p.counts = plan_.step.counts();
  p.count_index = count_index(graph_.logits);
  p.n = width(graph_.logits);
  p.n_valid = n_choosable();
  p.n_parts = kArgmaxParts;
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const values, scratch(rows * kArgmaxParts * sizeof(float), "argmax"));
  p.part_value = values->as<float>();
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const indices,
                          scratch(rows * kArgmaxParts * sizeof(int32_t), "argmax"));
  p.part_index = indices->as<int32_t>();
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const arrived, scratch(rows * sizeof(uint32_t), "argmax"));
  p.arrived = arrived->as<uint32_t>();
  p.tokens = plan_.step.device_tokens();
  plan_.greedy.push_back(
      make_launch(kernels_.argmax, "argmax", {uint32_t(kArgmaxParts), uint32_t(rows)}, kRowBlock, p));
  return Status::ok();
}

Status Lowering::lower_sampling() {
  constexpr uint32_t kChooseThreads = 1024;
  constexpr const char* kWhat = "sampling";
  const auto rows = uint64_t(graph_.capacity.n_logit_rows);
  const StepView& view = plan_.step.view();
  ChooseParams p{};
  p.logits = data(graph_.logits);
  p.counts = view.counts;
  p.tokens = view.tokens;
  p.rows = view.logit_rows;
  p.choices = view.choices;
  p.window_counts = view.window_counts;
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const peaks, scratch(rows * kChoicePeaks * sizeof(float), kWhat));
  p.peaks = peaks->as<float>();
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const mass, scratch(rows * kChoiceParts * sizeof(uint64_t), kWhat));
  p.part_mass = mass->as<uint64_t>();
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const n_listed, scratch(rows * sizeof(int32_t), kWhat));
  p.n_listed = n_listed->as<int32_t>();
  const uint64_t list_bytes = rows * kChoiceListCapacity * sizeof(int32_t);
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const ids, scratch(list_bytes, kWhat));
  p.list_ids = ids->as<int32_t>();
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const logits, scratch(list_bytes, kWhat));
  p.list_logits = logits->as<float>();
  p.chosen = plan_.step.device_tokens();
  p.n = width(graph_.logits);
  p.n_valid = n_choosable();
  const Grid parts{uint32_t(kChoiceParts), uint32_t(rows)};
  const auto part_threads = uint32_t(32 * kPartWarps);
  plan_.sampled.push_back(make_launch(kernels_.sample_peaks, kWhat, parts, part_threads, p));
  plan_.sampled.push_back(make_launch(kernels_.sample_gather, kWhat, parts, part_threads, p));
  plan_.sampled.push_back(make_launch(kernels_.sample_choose, kWhat, {uint32_t(rows)}, kChooseThreads, p));
  return Status::ok();
}

Result<LoweredPlan> Lowering::run() {
  n_sequences_ = graph_.capacity.n_rows;
  if (bindings_.n_sequences > 0) n_sequences_ = std::min(bindings_.n_sequences, n_sequences_);
  DUNLIN_ASSIGN_OR_RETURN(
      plan_.step, StepBuffer::create(context_, {graph_.capacity.n_rows, graph_.capacity.n_logit_rows,
                                                n_sequences_, std::max(1, bindings_.n_blocks_per_sequence)}));
  fusions_ = find_fusions(graph_, !options_.observed);
  DUNLIN_RETURN_IF_ERROR(allocate());
  DUNLIN_RETURN_IF_ERROR(plan_emissions());
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    std::string why;
    if (!can_lower(graph_, graph_.nodes[n], &why))
      return Status::unsupported("node '", graph_.nodes[n].name, "': ", why, " (CUDA)");
    if (!fusions_.skipped[n]) DUNLIN_RETURN_IF_ERROR(lower_node(n));
    if (options_.observed) plan_.last_launch_of_node.push_back(int32_t(general_list().size()) - 1);
  }
  for (int slot = 0; slot < StepBuffer::kSlots; ++slot) {
    const auto begin = [&](bool samples) {
      StepBeginParams p = plan_.step.begin(slot, samples);
      p.zeroed = plan_.meetings.as<uint32_t>(), p.n_zeroed = int32_t(n_meetings_);
      return make_launch(kernels_.step_begin, "step_begin", {}, 1024, p);
    };
    plan_.begin[size_t(slot)] = begin(false), plan_.begin_sampled[size_t(slot)] = begin(true);
    plan_.end[size_t(slot)] = make_launch(kernels_.step_end, "step_end", {}, 128, plan_.step.end(slot));
  }
  // Hidden rows that another part continues have no token to choose.
  if (!options_.observed && is_logit_rows(graph_.logits)) {
    DUNLIN_RETURN_IF_ERROR(lower_argmax());
    DUNLIN_RETURN_IF_ERROR(lower_sampling());
  }
  plan_.general = general_list();
  DUNLIN_RETURN_IF_ERROR(context_.synchronize("preparing a plan"));
  return std::move(plan_);
}

namespace {

bool has_activation(const Node& node, std::string* why) {
  if (Graph::attrs_of<GluAttrs>(node).activation == Activation::kSilu) return true;
  return explain(why, "no kernel for this activation");
}

bool members_are_quantized(const Graph& graph, const Node& node, std::string* why) {
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    const Value& v = graph.value(node.inputs[i]);
    if (v.kind == ValueKind::kWeight && v.shape.rank() == 2 && !is_quantized(plane_for(v.type)))
      return explain(why, str_cat("weight '", v.name, "' is ", dtype_name(v.type), ", which is not fused"));
  }
  return true;
}

}  // namespace

bool can_lower(const Graph& graph, const Node& node, std::string* why) {
  switch (node.op) {
    case OpKind::kLinearGroup:
      if (linear_group_members(node).size() > size_t(kMaxSegments))
        return explain(why, str_cat("a group has at most ", kMaxSegments, " members"));
      return members_are_quantized(graph, node, why);
    case OpKind::kLinearGlu:
      return has_activation(node, why) && members_are_quantized(graph, node, why);
    case OpKind::kGlu:
      return has_activation(node, why);
    default:
      return true;
  }
}

Result<LoweredPlan> lower(const Graph& graph, const PlanBindings& bindings, const Context& context,
                          const Kernels& kernels, const LowerOptions& options) {
  return Lowering(graph, bindings, context, kernels, options).run();
}

}  // namespace dunlin::cuda
