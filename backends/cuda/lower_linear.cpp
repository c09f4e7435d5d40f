// Linears: a row's codes, from maker to reader; rows of codes; which kernel, and its launch.
#include <algorithm>

#include "backends/cuda/linear_shape.h"
#include "backends/cuda/lowering.h"

namespace dunlin::cuda {

// One buffer for each kind of quantized rows, as wide as the widest input.
Status Lowering::allocate_quantized_rows() {
  int64_t widest = 0;
  for (const Value& v : graph_.values)
    if (v.kind == ValueKind::kWeight && v.shape.rank() == 2 && is_quantized(plane_for(v.type)))
      widest = std::max(widest, v.shape[1]);
  int32_t n_rows = 0;
  for (const int32_t n : {graph_.capacity.n_rows, graph_.capacity.n_logit_rows})
    if (!is_gemm(n, widest)) n_rows = std::max(n_rows, n);
  if (widest == 0 || n_rows == 0 || single_row()) return Status::ok();
  // Whole tiles of 64 rows: groups beyond the capacity are read, never used.
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
    if (e.row.tiles != nullptr) continue;
    const auto n_tiles = uint64_t((width(node.inputs[0]) + kTileK - 1) / kTileK);
    const uint64_t bytes = n_tiles * kRow16TileBytes;
    DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const buffer,
                            scratch(bytes + n_tiles * (kTileK / 16) * sizeof(float), "a row's codes"));
    e.row.tiles = buffer->as<uint8_t>();
    e.row.squares = buffer->as<float>(bytes);
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
  if (is_gemm(capacity(uses[0].out), uses[0].weight->matrix().k))
    return lower_gemm(node, uses, residual, glu);
  LinearSize size;
  LinearParams p{};
  int32_t needs = 0;
  int64_t weight_bytes = 0, n_columns = 0;
  const int64_t k = uses[0].weight->matrix().k;
  for (const MatrixUse& use : uses) {
    const MatrixView& m = use.weight->matrix();
    const PlaneInfo plane = plane_info(m.plane);
    weight_bytes += int64_t(use.weight->bytes());
    n_columns += m.n;
    needs |= plane.tile_k == kTileK ? 1 : 2;
    LinearSegment& s = p.segments[p.n_segments++];
    s.tiles = m.data;
    s.out = data(use.out);
    if (use.bias != kNoValue) s.bias = weight(use.bias).vector();
    if (residual != kNoValue) s.residual = data(residual);
    s.n = int32_t(m.n);
    s.first_strip = size.n_strips;
    s.strip_bytes = int32_t(strip_bytes(m.plane, m.k));
    s.tile_bytes = plane.tile_bytes * (kTileK / plane.tile_k);
    s.plane = m.plane;
    size.tile_bytes = std::max(size.tile_bytes, s.tile_bytes);
    size.matrices.push_back({s.n, m.plane});
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
  p.gemv = shape.gemv;
  p.n_row_tiles = shape.n_row_tiles;
  Launch launch = make_launch(shape.kernel, node.name, shape.grid, shape.block, p, shape.shared_bytes);
  launch.weight_bytes = weight_bytes;
  launch.macs_per_row = n_columns * k;
  launch.of_logit_rows = is_logit_rows(uses[0].out);
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

}  // namespace dunlin::cuda
