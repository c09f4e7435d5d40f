// Attention with what is fused into it: norms, rotation, the new rows of the cache.
#include <algorithm>

#include "backends/cuda/attention_shape.h"
#include "backends/cuda/kv_cache.h"
#include "backends/cuda/lowering.h"

namespace dunlin::cuda {
namespace {

// A few times what attention takes, so that nobody goes who need not.
constexpr int32_t kPatienceCycles = 100'000;
constexpr const char* kRangesAre = "results of attention's ranges";

}  // namespace

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
  p.patience = options_.may_wait ? kPatienceCycles : 0;
  if (shape.decode.function != nullptr)
    DUNLIN_RETURN_IF_ERROR(attention_scratch(p, attrs, shape.decode_grid));
  const auto with_cost = [&](Launch launch) {
    launch.window = attrs.window;
    launch.kv_bytes_per_position = int64_t(p.kv.n_head_kv) * p.kv.head_bytes / kKvBlockTokens;
    launch.macs_per_score = 2 * int64_t(attrs.n_head) * attrs.head_dim;  // scores, and the sum of values
    return launch;
  };
  for (std::vector<Launch>* list : {&plan_.decode, &plan_.general}) {
    const bool decodes = list == &plan_.decode && shape.decode.function != nullptr;
    if (decodes) {
      if (single_row()) p.emission = emission_of(node.outputs[0]);
      list->push_back(with_cost(make_launch(shape.decode, node.name, shape.decode_grid, shape.decode_block, p,
                                            shape.decode_shared_bytes)));
      continue;
    }
    list->push_back(
        make_launch(kernels_.rope_append, str_cat(node.name, ".append"), shape.append_grid, 128, p));
    list->push_back(with_cost(make_launch(shape.general, node.name, shape.general_grid, shape.general_block,
                                          p, shape.general_shared_bytes)));
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
Status Lowering::attention_scratch(AttentionParams& p, const AttentionAttrs& attrs, const Grid& grid) {
  const uint64_t heads = uint64_t(grid.x) * grid.z;
  const uint64_t outputs = uint64_t(attrs.n_head / attrs.n_head_kv) * uint64_t(attrs.head_dim);
  if (ranges_.outputs == nullptr) {
    const uint64_t n_quads = heads * uint64_t(p.n_splits) * outputs / 4;
    DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const results,
                            unwritten(n_quads * (sizeof(float4) + sizeof(float2))));
    ranges_.outputs = results->as<float4>();
    ranges_.weights = results->as<float2>(n_quads * sizeof(float4));
    DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const gone,
                            scratch(heads * outputs / 16 * sizeof(uint32_t), kRangesAre));
    ranges_.gone = gone->as<uint32_t>();
  }
  p.range_outputs = ranges_.outputs, p.range_weights = ranges_.weights, p.gone = ranges_.gone;
  if (grid.y == 1) return Status::ok();
  if (plan_.meetings.size() == 0) {
    const auto is_attention = [](const Node& node) { return node.op == OpKind::kAttention; };
    const auto n = uint64_t(std::ranges::count_if(graph_.nodes, is_attention)) * heads;
    DUNLIN_ASSIGN_OR_RETURN(plan_.meetings,
                            DeviceBuffer::allocate(context_, n * sizeof(uint32_t), kRangesAre));
  }
  p.meetings = plan_.meetings.as<uint32_t>(n_meetings_ * sizeof(uint32_t));
  n_meetings_ += heads;
  return Status::ok();
}

Result<DeviceBuffer*> Lowering::unwritten(uint64_t bytes) {
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const buffer, scratch(bytes, kRangesAre));
  DUNLIN_RETURN_IF_ERROR(context_.check(
      context_.driver().cuMemsetD8Async(buffer->address(), 0xff, bytes, context_.stream()), kRangesAre));
  return buffer;
}

}  // namespace dunlin::cuda
