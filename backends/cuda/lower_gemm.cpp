// Linears over many rows: the input is rounded to halves once, a matrix is unpacked to halves in scratch that
// all plans of the device take turns with, and ops/gemm_wgmma.cu multiplies.
#include <algorithm>

#include "backends/cuda/gemm_shape.h"
#include "backends/cuda/lowering.h"

namespace dunlin::cuda {

bool Lowering::is_gemm(int32_t n_rows, int64_t k) const {
  return context_.limits().has_wgmma && n_rows >= kGemmMinRows && k <= kGemmMaxK;
}

// For the widest of the inputs and the largest of the matrices.
Status Lowering::allocate_gemm_operands() {
  int64_t widest = 0, panel_bytes = 0;
  for (const Node& node : graph_.nodes) {
    if (!reads_quantized(graph_, node)) continue;
    const int64_t k = width(node.inputs[0]);
    if (!is_gemm(capacity(node.outputs[0]), k)) continue;
    widest = std::max(widest, k);
    int64_t n = 0;
    for (const ValueId id : node.inputs)
      if (graph_.value(id).kind == ValueKind::kWeight && graph_.value(id).shape.rank() == 2)
        n += (graph_.value(id).shape[0] + kStripRows - 1) / kStripRows * kStripRows + kGemmMaxTileColumns;
    panel_bytes = std::max(panel_bytes, n * gemm_padded_k(k) * int64_t(sizeof(uint16_t)));
  }
  if (widest == 0) return Status::ok();
  const auto n_rows = uint64_t(std::max(graph_.capacity.n_rows, graph_.capacity.n_logit_rows));
  DUNLIN_ASSIGN_OR_RETURN(
      DeviceBuffer* const halves,
      scratch(n_rows * uint64_t(gemm_padded_k(widest)) * sizeof(uint16_t), "rounded rows"));
  gemm_rows_.halves = halves->as<uint16_t>();
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const scales, scratch(n_rows * sizeof(float), "rounded rows"));
  gemm_rows_.scales = scales->as<float>();
  DUNLIN_ASSIGN_OR_RETURN(
      plan_.panel, options_.shared_scratch.at_least(
                       context_, uint64_t(std::min(panel_bytes, kGemmPanelBytes)), "unpacked matrices"));
  return Status::ok();
}

// The input as A, if it is not there yet.
void Lowering::round_input(const Node& node, int64_t k) {
  const ValueId x = node.inputs[0];
  if (rounded_ == x) return;
  const NormFusion& norm = fusions_.norm_of_value[size_t(x)];
  RowsToF16Params p{};
  p.x = data(norm.input != kNoValue ? norm.input : x);
  if (norm.input != kNoValue) p.norm_weight = weight(norm.weight).vector(), p.norm_eps = norm.eps;
  p.a = gemm_rows_.halves, p.row_scale = gemm_rows_.scales;
  p.counts = plan_.step.counts();
  p.count_index = count_index(x);
  p.x_stride = p.k = int32_t(k);
  p.padded_k = gemm_padded_k(k);
  const auto block = uint32_t(std::clamp((p.padded_k / 8 + 31) / 32 * 32, 64, 1024));
  add(make_launch(kernels_.rows_to_f16, str_cat(node.name, ".round"), {uint32_t(capacity(x))}, block, p));
  rounded_ = x;
}

Status Lowering::lower_gemm(const Node& node, const std::vector<MatrixUse>& uses, ValueId residual,
                            bool glu) {
  const MatrixView& first = uses[0].weight->matrix();
  round_input(node, first.k);
  const int64_t panel_rows =
      int64_t(plan_.panel->size()) / (int64_t(gemm_padded_k(first.k)) * int64_t(sizeof(uint16_t)));
  int64_t n_all = 0;
  for (const MatrixUse& use : uses) n_all += use.weight->matrix().n + kGemmMaxTileColumns;
  // Matrices of different outputs are one GEMM if they fit; gate and up always are.
  if (uses.size() > 1 && !glu && n_all <= panel_rows)
    return lower_gemm_part(node, {uses, 0, first.n, residual, false});
  std::vector<GemmPart> wholes;
  if (glu) {
    wholes.push_back({uses, 0, first.n, residual, true});
  } else {
    for (const MatrixUse& use : uses) wholes.push_back({{use}, 0, use.weight->matrix().n, residual, false});
  }
  for (const GemmPart& whole : wholes) {
    const int64_t step = panel_rows / int64_t(whole.uses.size()) / kStripRows * kStripRows;
    for (int64_t row = 0; row < whole.n_rows; row += step) {
      GemmPart part = whole;
      part.first_row = row, part.n_rows = std::min(step, whole.n_rows - row);
      DUNLIN_RETURN_IF_ERROR(lower_gemm_part(node, part));
    }
  }
  return Status::ok();
}

// Rows of B for each output, and where the matrices' rows go.
std::vector<int32_t> Lowering::gemm_segments(const GemmPart& part) {
  if (part.glu) return {int32_t(2 * part.n_rows)};
  std::vector<int32_t> rows;
  for (const MatrixUse& use : part.uses) rows.push_back(int32_t(gemm_rows_of(part, use)));
  return rows;
}

// Rows that the part takes of a matrix.
int64_t Lowering::gemm_rows_of(const GemmPart& part, const MatrixUse& use) {
  return part.glu || part.uses.size() == 1 ? part.n_rows : use.weight->matrix().n;
}

// first_row, row_step: of B.
void Lowering::unpack_matrix(const Node& node, const GemmPart& part, const MatrixUse& use, int32_t first_row,
                             int32_t row_step) {
  const MatrixView& m = use.weight->matrix();
  const int64_t n = gemm_rows_of(part, use);
  DequantizeParams p{};
  p.tiles = m.data + part.first_row / kStripRows * strip_bytes(m.plane, m.k);
  p.plane = m.plane;
  p.n_strips = int32_t((n + kStripRows - 1) / kStripRows), p.n_tiles = n_tiles(m.plane, m.k);
  p.n_rows = int32_t(n), p.row_step = row_step, p.padded_k = gemm_padded_k(m.k);
  p.b = plan_.panel->as<uint16_t>() + int64_t(first_row) * p.padded_k;
  const auto n_ctas = uint32_t((int64_t(p.n_strips) * p.n_tiles + 7) / 8);
  Launch launch = make_launch(kernels_.dequantize, str_cat(node.name, ".unpack"), {n_ctas}, kRowBlock, p);
  launch.weight_bytes = int64_t(use.weight->bytes()) * n / m.n;
  add(launch);
}

Status Lowering::lower_gemm_part(const Node& node, const GemmPart& part) {
  const MatrixUse& first = part.uses[0];
  const int32_t n_rows = capacity(first.out);
  const std::vector<int32_t> segments = gemm_segments(part);
  const GemmShape shape = shape_gemm(n_rows, segments, context_.limits(), kernels_);
  GemmParams p{};
  p.glu = part.glu ? 1 : 0;
  for (const int32_t n : segments) {
    const MatrixUse& use = part.uses[size_t(p.n_segments)];
    GemmSegment& s = p.segments[p.n_segments];
    s.out = data(use.out) + part.first_row;
    if (use.bias != kNoValue) s.bias = weight(use.bias).vector() + part.first_row;
    s.first_row = gemm_first_row(segments, p.n_segments++, shape.tile_columns);
    s.n = n, s.out_stride = width(use.out);
  }
  int64_t n_columns = 0;
  for (size_t u = 0; u < part.uses.size(); ++u) {
    const MatrixUse& use = part.uses[u];
    unpack_matrix(node, part, use, part.glu ? int32_t(u) : p.segments[u].first_row, part.glu ? 2 : 1);
    n_columns += gemm_rows_of(part, use);
  }
  if (part.residual != kNoValue) p.residual = data(part.residual) + part.first_row;
  p.row_scale = gemm_rows_.scales;
  p.counts = plan_.step.counts(), p.count_index = count_index(first.out);
  p.m = n_rows, p.k = gemm_padded_k(first.weight->matrix().k);
  p.n = p.segments[p.n_segments - 1].first_row + segments.back();
  DUNLIN_ASSIGN_OR_RETURN(p.a_map, gemm_operand_map(context_, gemm_rows_.halves, n_rows, p.k));
  DUNLIN_ASSIGN_OR_RETURN(p.b_map, gemm_operand_map(context_, plan_.panel->as<uint16_t>(), p.n, p.k));
  Launch launch = make_launch(shape.kernel, node.name, shape.grid, shape.block, p, shape.shared_bytes);
  // The packed weights are what unpacking reads; here they are halves.
  launch.weight_bytes = n_columns * p.k * int64_t(sizeof(uint16_t));
  launch.macs_per_row = n_columns * first.weight->matrix().k;
  launch.of_logit_rows = is_logit_rows(first.out);
  add(launch);
  return Status::ok();
}

}  // namespace dunlin::cuda
