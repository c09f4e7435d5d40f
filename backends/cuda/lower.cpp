#include "backends/cuda/lower.h"

#include <algorithm>
#include <map>

#include "backends/cuda/attention_shape.h"
#include "backends/cuda/device/activation.h"
#include "backends/cuda/fusion.h"
#include "backends/cuda/kv_cache.h"
#include "backends/cuda/linear_shape.h"
#include "core/graph/memory_plan.h"
#include "core/graph/op_info.h"

namespace dunlin::cuda {
namespace {

constexpr uint32_t kRowBlock = 256;
constexpr int32_t kArgmaxParts = 64;

bool explain(std::string* why, std::string reason) {
  if (why != nullptr) *why = std::move(reason);
  return false;
}

class Lowering {
 public:
  Lowering(const Graph& graph, const PlanBindings& bindings, const Context& context, const Kernels& kernels,
           const LowerOptions& options)
      : graph_(graph), bindings_(bindings), context_(context), kernels_(kernels), options_(options) {}

  Result<LoweredPlan> run();

 private:
  struct MatrixUse {
    const CudaWeight* weight;
    ValueId bias;
    ValueId out;
  };

  Status allocate();
  Status lower_node(size_t index);
  Status lower_linear(const Node& node);
  Status lower_linear_group(const Node& node);
  Status lower_linear_glu(const Node& node);
  Status lower_quantized(const Node& node, const std::vector<MatrixUse>& uses, ValueId residual, bool glu);
  Status lower_dense(const Node& node, const MatrixUse& use, ValueId residual);
  void quantize_input(const Node& node, int32_t needs, int64_t k);
  void take_row(const Node& node, LinearParams& p);
  Status lower_attention(size_t index);
  void lower_embed(const Node& node);
  Status plan_emissions();
  Status rotation_table(const AttentionFusion& fusion, AttentionParams& p);
  void lower_rows(const Node& node, const Kernel<RowParams>& kernel, RowParams p);
  Status lower_argmax();

  // A single row's codes: which value they are of, and the norm between it and its readers.
  struct RowKey {
    ValueId value;
    ValueId norm_weight;
    bool operator<(const RowKey& o) const {
      return value != o.value ? value < o.value : norm_weight < o.norm_weight;
    }
  };
  struct EmittedRow {
    Row16 row;
    bool is_made = false;  // by what was lowered so far
  };
  RowKey row_key(const Node& linear) const;
  // What the maker of the value shall leave for its readers; at most one kind.
  RowEmission emission_of(ValueId value);
  bool single_row() const { return graph_.capacity.n_rows == 1 && graph_.capacity.n_logit_rows == 1; }

  // In both lists.
  void add(const Launch& launch) {
    plan_.decode.push_back(launch);
    plan_.general.push_back(launch);
  }
  Result<DeviceBuffer*> scratch(uint64_t bytes, const char* what);
  template <typename T>
  Result<const T*> device_copy(const std::vector<T>& values, const char* what);
  Status inv_freq(ValueId constant, const float*& out);
  Status attention_scratch(AttentionParams& p, const AttentionAttrs& attrs);

  const CudaWeight& weight(ValueId id) const {
    return *static_cast<const CudaWeight*>(bindings_.weights[size_t(graph_.value(id).index)]);
  }
  float* data(ValueId id) const { return const_cast<float*>(plan_.value_data[size_t(id)]); }
  bool is_logit_rows(ValueId id) const { return logit_rows_[size_t(id)]; }
  int32_t count_index(ValueId id) const { return is_logit_rows(id) ? kStepLogitRows : kStepRows; }
  int32_t capacity(ValueId id) const {
    return is_logit_rows(id) ? graph_.capacity.n_logit_rows : graph_.capacity.n_rows;
  }
  int32_t width(ValueId id) const { return int32_t(graph_.value(id).shape.row_elements()); }

  const Graph& graph_;
  const PlanBindings& bindings_;
  const Context& context_;
  const Kernels& kernels_;
  const LowerOptions& options_;
  LoweredPlan plan_;
  Fusions fusions_;
  std::vector<bool> logit_rows_;  // by value
  QuantizedRows rows_{};          // where inputs of more than one row are quantized to
  ValueId quantized_ = kNoValue;  // what is there now
  int32_t quantized_needs_ = 0;
  int32_t n_sequences_ = 1;        // capacity
  std::vector<int32_t> producer_;  // by value: the node that makes it, or -1
  std::map<RowKey, EmittedRow> emitted_;
  struct Rotation {
    ValueId inv_freq;
    int32_t n_rot;
    float magnitude;
    const float2* table;
  };
  std::vector<Rotation> rotations_;
  std::map<ValueId, const float*> inv_freq_;  // on the device
  float* attention_partials_ = nullptr;
  uint32_t* attention_arrived_ = nullptr;
};

Result<DeviceBuffer*> Lowering::scratch(uint64_t bytes, const char* what) {
  // Zeroed: kernels load whole groups of rows, and a NaN in a row that is not there must not come to life.
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer buffer, DeviceBuffer::allocate_zeroed(context_, bytes, what));
  plan_.scratch.push_back(std::move(buffer));
  return &plan_.scratch.back();
}

template <typename T>
Result<const T*> Lowering::device_copy(const std::vector<T>& values, const char* what) {
  const uint64_t bytes = values.size() * sizeof(T);
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const buffer, scratch(bytes, what));
  DUNLIN_RETURN_IF_ERROR(context_.check(
      context_.driver().cuMemcpyHtoDAsync(buffer->address(), values.data(), bytes, context_.stream()), what));
  DUNLIN_RETURN_IF_ERROR(context_.synchronize(what));  // the source is the caller's
  return buffer->as<const T>();
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
  // One buffer for each kind of quantized rows, as wide as the widest input.
  int64_t widest = 0;
  for (const Value& v : graph_.values)
    if (v.kind == ValueKind::kWeight && v.shape.rank() == 2 && is_quantized(plane_for(v.type)))
      widest = std::max(widest, v.shape[1]);
  const int32_t n_rows = std::max(graph_.capacity.n_rows, graph_.capacity.n_logit_rows);
  if (widest > 0 && n_rows > 1) {
    // Whole slabs of 64 rows: groups beyond the capacity are read, never used.
    const auto groups = uint64_t((n_rows + 63) / 64 * 8), tiles = uint64_t((widest + kTileK - 1) / kTileK);
    const uint64_t n = groups * tiles;
    DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const c256, scratch(n * kTileCodeBytes, "quantized rows"));
    rows_.codes256 = c256->as<uint8_t>();
    DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const s256, scratch(n * 8 * sizeof(float), "quantized rows"));
    rows_.scales256 = s256->as<float>();
    DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const m256, scratch(n * 64 * sizeof(uint32_t), "quantized rows"));
    rows_.sums256 = m256->as<uint32_t>();
    DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const c32, scratch(n * kTileCodeBytes, "quantized rows"));
    rows_.codes32 = c32->as<uint8_t>();
    DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const s32, scratch(n * 64 * sizeof(float), "quantized rows"));
    rows_.scales32 = s32->as<float>();
  }
  return Status::ok();
}

// The linear's input, seen through a norm that it folds and a gather that has nothing to choose.
Lowering::RowKey Lowering::row_key(const Node& linear) const {
  RowKey key{linear.inputs[0], kNoValue};
  if (const NormFusion& norm = fusions_.norm_of_value[size_t(key.value)]; norm.input != kNoValue)
    key = {norm.input, norm.weight};
  const int32_t producer = producer_[size_t(key.value)];
  if (producer >= 0 && graph_.nodes[size_t(producer)].op == OpKind::kGatherRows)
    key.value = graph_.nodes[size_t(producer)].inputs[0];
  return key;
}

bool reads_quantized(const Graph& graph, const Node& node) {
  if (node.op != OpKind::kLinear && node.op != OpKind::kLinearGroup && node.op != OpKind::kLinearGlu)
    return false;
  return is_quantized(plane_for(graph.value(node.inputs[1]).type));
}

// Every quantized linear's input gets a place for its codes. A gather before such linears only is not run.
Status Lowering::plan_emissions() {
  producer_.assign(graph_.values.size(), -1);
  for (size_t n = 0; n < graph_.nodes.size(); ++n)
    for (const ValueId out : graph_.nodes[n].outputs) producer_[size_t(out)] = int32_t(n);
  if (!single_row()) return Status::ok();
  const auto readers = readers_of(with_fused_inputs(graph_, fusions_));
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    const Node& node = graph_.nodes[n];
    if (node.op == OpKind::kGatherRows && !options_.observed) {
      bool codes_only = node.outputs[0] != graph_.logits;
      for (const int32_t r : readers[size_t(node.outputs[0])])
        codes_only =
            codes_only && (fusions_.skipped[size_t(r)] || reads_quantized(graph_, graph_.nodes[size_t(r)]));
      if (codes_only) fusions_.skipped[n] = true;
    }
    if (!reads_quantized(graph_, node)) continue;
    EmittedRow& e = emitted_[row_key(node)];
    if (e.row.codes != nullptr) continue;
    const auto k = uint64_t((width(node.inputs[0]) + kTileK - 1) / kTileK * kTileK);
    DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const buffer,
                            scratch(k + 3 * (k / 16) * sizeof(float), "a row's codes"));
    e.row.codes = buffer->as<uint8_t>();
    e.row.scales = buffer->as<float>(k);
    e.row.products = e.row.scales + k / 16;
    e.row.squares = e.row.products + k / 16;
  }
  return Status::ok();
}

RowEmission Lowering::emission_of(ValueId value) {
  for (auto& [key, emitted] : emitted_) {
    if (key.value != value || emitted.is_made) continue;
    emitted.is_made = true;
    return {emitted.row, key.norm_weight != kNoValue ? weight(key.norm_weight).vector() : nullptr};
  }
  return {};
}

// One row: the codes that the input's maker left, or that are made now if it could not.
void Lowering::take_row(const Node& node, LinearParams& p) {
  const RowKey key = row_key(node);
  EmittedRow& emitted = emitted_.at(key);
  if (!emitted.is_made) {
    EmitParams e{};
    e.x = data(key.value);
    e.emission.row = emitted.row;
    if (key.norm_weight != kNoValue) e.emission.norm_weight = weight(key.norm_weight).vector();
    e.k = width(key.value);
    const auto parts = uint32_t(std::clamp(e.k / int32_t(kRowBlock), 1, 32));
    add(make_launch(kernels_.emit_row, str_cat(node.name, ".quantize"), {parts}, kRowBlock, e));
    emitted.is_made = true;
  }
  p.x = emitted.row;
  if (key.norm_weight == kNoValue) return;
  p.n_squares = (width(key.value) + 15) / 16;
  p.norm_eps = fusions_.norm_of_value[size_t(node.inputs[0])].eps;
}

// For more than one row: the input's codes, if they are not there yet.
void Lowering::quantize_input(const Node& node, int32_t needs, int64_t k) {
  const ValueId x = node.inputs[0];
  if (quantized_ == x && (quantized_needs_ & needs) == needs) return;
  const NormFusion& norm = fusions_.norm_of_value[size_t(x)];
  QuantizeParams p{};
  p.x = data(norm.input != kNoValue ? norm.input : x);
  if (norm.input != kNoValue) p.norm_weight = weight(norm.weight).vector(), p.norm_eps = norm.eps;
  if (needs & 1) {
    p.codes256 = const_cast<uint8_t*>(rows_.codes256);
    p.scales256 = const_cast<float*>(rows_.scales256);
    p.sums256 = const_cast<uint32_t*>(rows_.sums256);
  }
  if (needs & 2)
    p.codes32 = const_cast<uint8_t*>(rows_.codes32), p.scales32 = const_cast<float*>(rows_.scales32);
  p.counts = plan_.step.counts();
  p.count_index = count_index(x);
  p.x_stride = p.k = int32_t(k);
  p.n_tiles = int32_t((k + kTileK - 1) / kTileK);
  add(make_launch(kernels_.quantize, str_cat(node.name, ".quantize"), {uint32_t(capacity(x))}, kRowBlock, p));
  quantized_ = x;
  quantized_needs_ = needs;
}

Status Lowering::lower_quantized(const Node& node, const std::vector<MatrixUse>& uses, ValueId residual,
                                 bool glu) {
  LinearSize size;
  LinearParams p{};
  int32_t needs = 0;
  int64_t weight_bytes = 0;
  const int64_t k = uses[0].weight->matrix().k;
  for (const MatrixUse& use : uses) {
    const MatrixView& m = use.weight->matrix();
    const PlaneInfo plane = plane_info(m.plane);
    weight_bytes += int64_t(use.weight->bytes());
    needs |= plane.tile_k == kTileK ? 1 : 2;
    size.tile_bytes = std::max(size.tile_bytes, plane.tile_bytes * (kTileK / plane.tile_k));
    LinearSegment& s = p.segments[p.n_segments++];
    s.tiles = m.data;
    s.out = data(use.out);
    if (use.bias != kNoValue) s.bias = weight(use.bias).vector();
    if (residual != kNoValue) s.residual = data(residual);
    s.n = int32_t(m.n);
    s.first_strip = size.n_strips;
    s.strip_bytes = int32_t(strip_bytes(m.plane, m.k));
    s.plane = m.plane;
    size.n_strips += int32_t((m.n + kStripRows - 1) / kStripRows);
  }
  size.n_tiles = int32_t((k + kTileK - 1) / kTileK);
  // A bucket of several rows has one family of kernels, whatever the rows of its logits.
  size.n_rows = single_row() ? 1 : std::max(2, capacity(uses[0].out));
  size.glu = glu;
  p.n_strips = size.n_strips, p.n_tiles = size.n_tiles, p.k = int32_t(k);
  p.glu = glu ? 1 : 0;
  p.counts = plan_.step.counts(), p.count_index = count_index(uses[0].out);
  if (single_row()) {
    take_row(node, p);
    if (uses.size() == 1 || glu) p.emission = emission_of(uses[0].out);
  } else {
    quantize_input(node, needs, k);
    p.rows = rows_;
  }
  const LinearShape shape = shape_linear(size, context_.limits(), kernels_);
  p.strips_per_cta = shape.strips_per_cta;
  p.n_stages = shape.n_stages, p.stage_bytes = size.tile_bytes;
  Launch launch = make_launch(shape.kernel, node.name, shape.grid, shape.block, p, shape.shared_bytes);
  launch.weight_bytes = weight_bytes;
  add(launch);
  return Status::ok();
}

Status Lowering::lower_dense(const Node& node, const MatrixUse& use, ValueId residual) {
  DenseParams p{};
  p.weight = use.weight->matrix();
  p.x = data(node.inputs[0]);
  p.out = data(use.out);
  if (use.bias != kNoValue) p.bias = weight(use.bias).vector();
  if (residual != kNoValue) p.residual = data(residual);
  p.counts = plan_.step.counts();
  p.count_index = count_index(use.out);
  const Kernel<DenseParams>& kernel = p.weight.plane == Plane::kF16    ? kernels_.dense_f16
                                      : p.weight.plane == Plane::kBF16 ? kernels_.dense_bf16
                                                                       : kernels_.dense_f32;
  const Grid grid{uint32_t((p.weight.n + 7) / 8), uint32_t((capacity(use.out) + 7) / 8)};
  Launch launch = make_launch(kernel, node.name, grid, kRowBlock, p);
  launch.weight_bytes = int64_t(use.weight->bytes());
  add(launch);
  return Status::ok();
}

Status Lowering::lower_linear(const Node& node) {
  const auto& attrs = Graph::attrs_of<LinearAttrs>(node);
  const MatrixUse use{&weight(node.inputs[1]), attrs.has_bias ? node.inputs[2] : kNoValue, node.outputs[0]};
  const ValueId residual = attrs.has_residual ? node.inputs.back() : kNoValue;
  if (is_quantized(use.weight->matrix().plane)) return lower_quantized(node, {use}, residual, false);
  return lower_dense(node, use, residual);
}

Status Lowering::lower_linear_group(const Node& node) {
  std::vector<MatrixUse> uses;
  const std::vector<LinearMember> members = linear_group_members(node);
  for (size_t i = 0; i < members.size(); ++i)
    uses.push_back({&weight(members[i].weight), members[i].bias, node.outputs[i]});
  return lower_quantized(node, uses, kNoValue, false);
}

Status Lowering::lower_linear_glu(const Node& node) {
  return lower_quantized(node,
                         {{&weight(node.inputs[1]), kNoValue, node.outputs[0]},
                          {&weight(node.inputs[2]), kNoValue, node.outputs[0]}},
                         kNoValue, true);
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

Status Lowering::lower_attention(size_t index) {
  const Node& node = graph_.nodes[index];
  const auto& attrs = Graph::attrs_of<AttentionAttrs>(node);
  const AttentionFusion& f = fusions_.attention[index];
  AttentionParams p{};
  p.step = plan_.step.view();
  p.kv = static_cast<const CudaKvCache*>(bindings_.kv_cache)->layer(attrs.layer);
  p.q = data(f.q), p.k = data(f.k), p.v = data(f.v), p.out = data(node.outputs[0]);
  if (f.q_norm != kNoValue) p.q_norm = weight(f.q_norm).vector(), p.k_norm = weight(f.k_norm).vector();
  if (f.inv_freq != kNoValue) DUNLIN_RETURN_IF_ERROR(rotation_table(f, p));
  p.norm_eps = f.norm_eps, p.n_rot = f.n_rot;
  p.scale = attrs.scale, p.window = attrs.window, p.n_head = attrs.n_head;
  AttentionShape shape =
      shape_attention(attrs, p.kv, graph_.capacity.n_rows, n_sequences_, context_.limits(), kernels_);
  // The decode kernel rotates whole heads.
  if (p.n_rot != 0 && p.n_rot != attrs.head_dim) shape.decode = {};
  p.n_splits = shape.n_splits;
  if (shape.decode.function != nullptr) DUNLIN_RETURN_IF_ERROR(attention_scratch(p, attrs));
  for (std::vector<Launch>* list : {&plan_.decode, &plan_.general}) {
    const bool decodes = list == &plan_.decode && shape.decode.function != nullptr;
    if (decodes) {
      if (single_row()) p.emission = emission_of(node.outputs[0]);
      list->push_back(make_launch(shape.decode, node.name, shape.decode_grid, shape.decode_block, p,
                                  shape.decode_shared_bytes));
      continue;
    }
    list->push_back(
        make_launch(kernels_.rope_append, str_cat(node.name, ".append"), shape.append_grid, 128, p));
    list->push_back(make_launch(shape.general, node.name, shape.general_grid, shape.general_block, p,
                                shape.general_shared_bytes));
  }
  return Status::ok();
}

// Computed once a step, for all layers that turn alike.
Status Lowering::rotation_table(const AttentionFusion& fusion, AttentionParams& p) {
  for (const Rotation& r : rotations_) {
    if (r.inv_freq != fusion.inv_freq || r.n_rot != fusion.n_rot || r.magnitude != fusion.magnitude) continue;
    p.cos_sin = r.table;
    return Status::ok();
  }
  RotationParams r{};
  const auto rows = uint64_t(graph_.capacity.n_rows);
  r.n_pairs = fusion.n_rot / 2, r.magnitude = fusion.magnitude;
  DUNLIN_RETURN_IF_ERROR(inv_freq(fusion.inv_freq, r.inv_freq));
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const table,
                          scratch(rows * uint64_t(r.n_pairs) * sizeof(float2), "rotation tables"));
  r.cos_sin = table->as<float2>();
  r.counts = plan_.step.counts(), r.positions = plan_.step.view().positions;
  add(make_launch(kernels_.rotation, "rotation", {uint32_t(rows)}, kRowBlock, r));
  rotations_.push_back({fusion.inv_freq, fusion.n_rot, fusion.magnitude, r.cos_sin});
  p.cos_sin = r.cos_sin;
  return Status::ok();
}

// Layers run one after the other: all share one set of partial results.
Status Lowering::attention_scratch(AttentionParams& p, const AttentionAttrs& attrs) {
  if (attention_partials_ == nullptr) {
    const auto heads = uint64_t(graph_.capacity.n_rows) * uint64_t(attrs.n_head_kv);
    const int32_t floats = attention_partial_floats(attrs.n_head / attrs.n_head_kv, attrs.head_dim);
    DUNLIN_ASSIGN_OR_RETURN(
        DeviceBuffer* const partials,
        scratch(heads * uint64_t(p.n_splits) * uint64_t(floats) * sizeof(float), "attention partials"));
    attention_partials_ = partials->as<float>();
    DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const arrived,
                            scratch(heads * sizeof(uint32_t), "attention partials"));
    attention_arrived_ = arrived->as<uint32_t>();
  }
  p.partials = attention_partials_;
  p.arrived = attention_arrived_;
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
  p.n_valid = options_.n_choosable_tokens > 0 ? options_.n_choosable_tokens : p.n;
  p.n_parts = kArgmaxParts;
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const values, scratch(rows * kArgmaxParts * sizeof(float), "argmax"));
  p.part_value = values->as<float>();
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const indices,
                          scratch(rows * kArgmaxParts * sizeof(int32_t), "argmax"));
  p.part_index = indices->as<int32_t>();
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const arrived, scratch(rows * sizeof(uint32_t), "argmax"));
  p.arrived = arrived->as<uint32_t>();
  p.tokens = plan_.step.device_tokens();
  add(make_launch(kernels_.argmax, "argmax", {uint32_t(kArgmaxParts), uint32_t(rows)}, kRowBlock, p));
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
  const StepBuffer& step = plan_.step;
  add(make_launch(kernels_.step_begin, "step_begin", {}, 1024,
                  CopyParams{step.image(), step.device_inputs(), step.n_input_words(), 0}));
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    std::string why;
    if (!can_lower(graph_, graph_.nodes[n], &why))
      return Status::unsupported("node '", graph_.nodes[n].name, "': ", why, " (CUDA)");
    if (!fusions_.skipped[n]) DUNLIN_RETURN_IF_ERROR(lower_node(n));
    if (options_.observed) plan_.last_launch_of_node.push_back(int32_t(plan_.general.size()) - 1);
  }
  if (!options_.observed) DUNLIN_RETURN_IF_ERROR(lower_argmax());
  add(make_launch(kernels_.step_end, "step_end", {}, 128,
                  CopyParams{step.device_results(), step.image_results(), step.n_result_words(), 0}));
  // A step of one row decodes; there is nothing else to be general about.
  if (single_row()) plan_.general = plan_.decode;
  DUNLIN_RETURN_IF_ERROR(context_.synchronize("preparing a plan"));
  return std::move(plan_);
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
      return members_are_quantized(graph, node, why);
    case OpKind::kGlu:
      if (Graph::attrs_of<GluAttrs>(node).activation != Activation::kSilu)
        return explain(why, "no kernel for this activation");
      return true;
    default:
      return true;
  }
}

Result<LoweredPlan> lower(const Graph& graph, const PlanBindings& bindings, const Context& context,
                          const Kernels& kernels, const LowerOptions& options) {
  return Lowering(graph, bindings, context, kernels, options).run();
}

}  // namespace dunlin::cuda
