// The work of lower(): one object for one graph. Its parts are lower.cpp (values, single ops, the order),
// lower_linear.cpp, lower_dense.cpp, lower_gemm.cpp and lower_attention.cpp; nobody else includes this.
#pragma once

#include <map>

#include "backends/cuda/device/activation.h"
#include "backends/cuda/fusion.h"
#include "backends/cuda/lower.h"
#include "core/graph/op_info.h"

namespace dunlin::cuda {

inline constexpr uint32_t kRowBlock = 256;

// A of the prefill GEMMs, device/gemm_params.h: halves and the rows' scales, as wide as the widest input.
struct GemmRows {
  uint16_t* halves = nullptr;
  float* scales = nullptr;
};

// Rows of the dense GEMMs, device/dense_gemm_params.h.
struct SplitRows {
  uint16_t* parts = nullptr;
  float* scales = nullptr;
};

bool reads_quantized(const Graph& graph, const Node& node);

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
  // Strips of matrices that are one GEMM.
  struct GemmPart {
    std::vector<MatrixUse> uses;
    int64_t first_row = 0;  // of each; a whole number of strips
    int64_t n_rows = 0;
    ValueId residual = kNoValue;
    bool glu = false;
  };

  Status allocate();
  Status lower_node(size_t index);
  Status lower_linear(const Node& node);
  Status lower_linear_group(const Node& node);
  Status lower_linear_glu(const Node& node);
  Status lower_quantized(const Node& node, const std::vector<MatrixUse>& uses, ValueId residual, bool glu);
  Status lower_gemm(const Node& node, const std::vector<MatrixUse>& uses, ValueId residual, bool glu);
  Status lower_gemm_part(const Node& node, const GemmPart& part);
  void unpack_matrix(const Node& node, const GemmPart& part, const MatrixUse& use, int32_t first_row,
                     int32_t row_step);
  static std::vector<int32_t> gemm_segments(const GemmPart& part);
  static int64_t gemm_rows_of(const GemmPart& part, const MatrixUse& use);
  Status lower_dense(const Node& node, const MatrixUse& use, ValueId residual);
  Launch dense_launch(const Node& node, const DenseParams& p, int32_t n_rows);
  // Whether a linear of dense weights is multiplied tile by tile.
  static bool is_dense_gemm(int32_t n_rows, Plane plane, int64_t k);
  // Whether the linears over so many rows are prefill GEMMs.
  bool is_gemm(int32_t n_rows, int64_t k) const;
  Status allocate_quantized_rows();
  Status allocate_gemm_operands();
  void quantize_input(const Node& node, int32_t needs, int64_t k);
  void round_input(const Node& node, int64_t k);
  Status allocate_split_rows();
  void split_input(const Node& node, Plane plane, int32_t k);
  void take_row(const Node& node, LinearParams& p);
  Status lower_attention(size_t index);
  void lower_embed(const Node& node);
  Status plan_emissions();
  Status rotation_table(const AttentionFusion& fusion, AttentionParams& p);
  void lower_rows(const Node& node, const Kernel<RowParams>& kernel, RowParams p);
  Status lower_argmax();
  Status lower_sampling();
  int32_t n_choosable() const {
    return options_.n_choosable_tokens > 0 ? options_.n_choosable_tokens : width(graph_.logits);
  }

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
  // What runs where not every sequence has one row. Of a plan for one row: what decodes.
  const std::vector<Launch>& general_list() const { return single_row() ? plan_.decode : plan_.general; }
  bool single_row() const { return graph_.capacity.n_rows == 1 && graph_.capacity.n_logit_rows == 1; }

  // In both lists.
  void add(const Launch& launch) {
    plan_.decode.push_back(launch);
    plan_.general.push_back(launch);
  }
  Result<DeviceBuffer*> scratch(uint64_t bytes, const char* what);
  Result<const float*> device_copy(const std::vector<float>& values, const char* what);
  Status inv_freq(ValueId constant, const float*& out);
  Status attention_scratch(AttentionParams& p, const AttentionAttrs& attrs, const Grid& grid);
  // Memory of kUnwritten words: ops/range_merge.cuh.
  Result<DeviceBuffer*> unwritten(uint64_t bytes);

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
  GemmRows gemm_rows_{};           // where inputs of GEMMs are rounded to
  ValueId rounded_ = kNoValue;     // what is there now
  SplitRows split_rows_{};         // where inputs of dense GEMMs are split to
  ValueId split_ = kNoValue;       // what is there now
  Plane split_plane_{};            // for which weights
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
  // What attention layers share.
  struct RangeScratch {
    float4* outputs = nullptr;
    float2* weights = nullptr;
    uint32_t* gone = nullptr;
  };
  RangeScratch ranges_;
  uint64_t n_meetings_ = 0;  // that layers have of plan_.meetings
};

}  // namespace dunlin::cuda
