// All kernels of the backend, resolved and ready: nothing is loaded lazily inside a capture. A kernel that
// the images lack is an error when the device is opened, not later.
#pragma once

#include <map>
#include <memory>
#include <string_view>

#include "backends/cuda/device/attention_params.h"
#include "backends/cuda/device/choose_params.h"
#include "backends/cuda/device/dense_gemm_params.h"
#include "backends/cuda/device/gemm_params.h"
#include "backends/cuda/device/linear_params.h"
#include "backends/cuda/device/quantize_params.h"
#include "backends/cuda/device/row_params.h"
#include "backends/cuda/launch.h"

namespace dunlin::cuda {

// X(file of ops/, parameter struct, entry point)
// clang-format off
#define DUNLIN_CUDA_KERNELS(X) \
  X(step, StepBeginParams, step_begin) \
  X(step, CopyParams, step_end) \
  X(embed, EmbedParams, embed) \
  X(rows, RowParams, rows_add) \
  X(rows, RowParams, rows_glu) \
  X(rows, RowParams, rows_gather) \
  X(rows, RowParams, rows_rms_norm) \
  X(rows, RowParams, rows_rope) \
  X(quantize, QuantizeParams, quantize) \
  X(gemv, LinearParams, gemv) \
  X(skinny, LinearParams, skinny_8) \
  X(skinny, LinearParams, skinny_16) \
  X(skinny, LinearParams, skinny_32) \
  X(skinny, LinearParams, skinny_64) \
  X(gemm_mma, LinearParams, gemm_mma) \
  X(rows_to_f16, RowsToF16Params, rows_to_f16) \
  X(dequantize, DequantizeParams, dequantize) \
  X(gemm_wgmma, GemmParams, gemm_wgmma_64) \
  X(gemm_wgmma, GemmParams, gemm_wgmma_128) \
  X(gemm_wgmma, GemmParams, gemm_wgmma_128_turns) \
  X(gemm_wgmma, GemmParams, gemm_wgmma_192) \
  X(split_rows, SplitRowsParams, split_rows_f16) \
  X(split_rows, SplitRowsParams, split_rows_bf16) \
  X(gemm_dense, DenseGemmParams, gemm_dense_f16) \
  X(gemm_dense, DenseGemmParams, gemm_dense_bf16) \
  X(dense, DenseParams, dense_f16) \
  X(dense, DenseParams, dense_bf16) \
  X(dense, DenseParams, dense_f32) \
  X(argmax, ArgmaxParams, argmax) \
  X(sample, ChooseParams, sample_peaks) \
  X(sample, ChooseParams, sample_gather) \
  X(sample, ChooseParams, sample_choose) \
  X(pack, PackParams, pack_strips) \
  X(probe, ProbeParams, probe_fill) \
  X(probe, ProbeParams, probe_read) \
  X(embed, EmitParams, emit_row) \
  X(embed, RotationParams, rotation) \
  X(attention_prefill, AttentionParams, rope_append) \
  X(attention_prefill, AttentionParams, attn_simple) \
  X(attention_decode, AttentionParams, attn_decode_f16_64) \
  X(attention_decode, AttentionParams, attn_decode_f16_128) \
  X(attention_decode, AttentionParams, attn_decode_q8_64) \
  X(attention_decode, AttentionParams, attn_decode_q8_128) \
  X(attention_decode, AttentionParams, attn_decode_fp8_64) \
  X(attention_decode, AttentionParams, attn_decode_fp8_128) \
  X(attention_decode, AttentionParams, attn_decode16_f16_64) \
  X(attention_decode, AttentionParams, attn_decode16_f16_128) \
  X(attention_decode, AttentionParams, attn_decode16_q8_64) \
  X(attention_decode, AttentionParams, attn_decode16_q8_128) \
  X(attention_decode, AttentionParams, attn_decode16_fp8_64) \
  X(attention_decode, AttentionParams, attn_decode16_fp8_128) \
  X(attention_prefill, AttentionParams, attn_prefill_f16_64) \
  X(attention_prefill, AttentionParams, attn_prefill_f16_128) \
  X(attention_prefill, AttentionParams, attn_prefill_q8_64) \
  X(attention_prefill, AttentionParams, attn_prefill_q8_128) \
  X(attention_prefill, AttentionParams, attn_prefill_fp8_64) \
  X(attention_prefill, AttentionParams, attn_prefill_fp8_128)
// clang-format on

// The entry points by name.
struct Kernels {
#define DUNLIN_CUDA_KERNEL_MEMBER(image, params, entry) Kernel<params> entry{nullptr, #entry};
  DUNLIN_CUDA_KERNELS(DUNLIN_CUDA_KERNEL_MEMBER)
#undef DUNLIN_CUDA_KERNEL_MEMBER
};

class LoadedKernels : public Kernels {
 public:
  static Result<std::unique_ptr<LoadedKernels>> load(const Context& context);
  ~LoadedKernels();
  LoadedKernels(const LoadedKernels&) = delete;
  LoadedKernels& operator=(const LoadedKernels&) = delete;

 private:
  explicit LoadedKernels(const Context& context) : context_(context) {}
  Status bind(const char* image, const char* name, CUfunction& function) const;

  const Context& context_;
  std::map<std::string_view, CUmodule> modules_;  // by file of ops/
};

}  // namespace dunlin::cuda
