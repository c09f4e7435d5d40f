// Linears of F16, BF16 and F32 weights: rows as they are for few rows, in two parts by ops/gemm_dense.cu for
// many.
#include <algorithm>

#include "backends/cuda/lowering.h"

namespace dunlin::cuda {
namespace {

// A warp of ops/dense.cu takes 8 rows at a time; 64 take twice as long as 512 by tiles (1.5B's down
// projection in BF16 on an H200: 344 us and 167).
constexpr int32_t kMinRows = 33;

int32_t padded_k(int64_t k) {
  return int32_t((k + kDenseK - 1) / kDenseK * kDenseK);
}

}  // namespace

// Copies are of 16 bytes, eight weights.
bool Lowering::is_dense_gemm(int32_t n_rows, Plane plane, int64_t k) {
  return n_rows >= kMinRows && (plane == Plane::kF16 || plane == Plane::kBF16) && k % 8 == 0;
}

// For the widest of the inputs.
Status Lowering::allocate_split_rows() {
  int64_t widest = 0;
  for (const Node& node : graph_.nodes) {
    if (node.op != OpKind::kLinear) continue;
    const int32_t k = width(node.inputs[0]);
    if (is_dense_gemm(capacity(node.outputs[0]), plane_for(graph_.value(node.inputs[1]).type), k))
      widest = std::max<int64_t>(widest, padded_k(k));
  }
  if (widest == 0) return Status::ok();
  // Whole tiles: rows beyond the capacity are read, never used.
  const int32_t most = std::max(graph_.capacity.n_rows, graph_.capacity.n_logit_rows);
  const auto n_rows = uint64_t((most + kDenseRows - 1) / kDenseRows * kDenseRows);
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const parts,
                          scratch(n_rows * 2 * uint64_t(widest) * sizeof(uint16_t), "split rows"));
  split_rows_.parts = parts->as<uint16_t>();
  DUNLIN_ASSIGN_OR_RETURN(DeviceBuffer* const scales, scratch(n_rows * sizeof(float), "split rows"));
  split_rows_.scales = scales->as<float>();
  return Status::ok();
}

// The input in two parts, if it is not there yet.
void Lowering::split_input(const Node& node, Plane plane, int32_t k) {
  const ValueId x = node.inputs[0];
  if (split_ == x && split_plane_ == plane) return;
  SplitRowsParams p{};
  p.x = data(x);
  p.parts = split_rows_.parts, p.row_scale = split_rows_.scales;
  p.counts = plan_.step.counts(), p.count_index = count_index(x);
  p.k = k, p.padded_k = padded_k(k);
  const auto& kernel = plane == Plane::kF16 ? kernels_.split_rows_f16 : kernels_.split_rows_bf16;
  add(make_launch(kernel, str_cat(node.name, ".split"), {uint32_t(capacity(x))}, kRowBlock, p));
  split_ = x, split_plane_ = plane;
}

Launch Lowering::dense_launch(const Node& node, const DenseParams& p, int32_t n_rows) {
  const Plane plane = p.weight.plane;
  const auto n = int32_t(p.weight.n), k = int32_t(p.weight.k);
  if (is_dense_gemm(n_rows, plane, k)) {
    split_input(node, plane, k);
    const DenseGemmParams g{p, split_rows_.parts, split_rows_.scales, padded_k(k),
                            (n_rows + kDenseRows - 1) / kDenseRows};
    const Grid grid{uint32_t(g.n_row_tiles * ((n + kDenseColumns - 1) / kDenseColumns))};
    return make_launch(plane == Plane::kF16 ? kernels_.gemm_dense_f16 : kernels_.gemm_dense_bf16, node.name,
                       grid, kDenseThreads, g, kDenseStages * kDenseStageBytes);
  }
  const Kernel<DenseParams>& kernel = plane == Plane::kF16    ? kernels_.dense_f16
                                      : plane == Plane::kBF16 ? kernels_.dense_bf16
                                                              : kernels_.dense_f32;
  return make_launch(kernel, node.name, {uint32_t((n + 7) / 8), uint32_t((n_rows + 7) / 8)}, kRowBlock, p);
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
  Launch launch = dense_launch(node, p, capacity(use.out));
  launch.weight_bytes = int64_t(use.weight->bytes());
  launch.macs_per_row = p.weight.n * p.weight.k;
  launch.of_logit_rows = is_logit_rows(use.out);
  add(launch);
  return Status::ok();
}

}  // namespace dunlin::cuda
