// All kernels of the backend, resolved and ready: nothing is loaded lazily inside a capture. A kernel that
// the images lack is an error when the device is opened, not later.
#pragma once

#include <memory>
#include <vector>

#include "backends/cuda/device/attention_params.h"
#include "backends/cuda/device/linear_params.h"
#include "backends/cuda/device/quantize_params.h"
#include "backends/cuda/device/row_params.h"
#include "backends/cuda/launch.h"

namespace dunlin::cuda {

// X(parameter struct, entry point)
#define DUNLIN_CUDA_KERNELS(X)                                                                               \
  X(CopyParams, step_begin)                                                                                  \
  X(CopyParams, step_end) X(EmbedParams, embed) X(RowParams, rows_add) X(RowParams, rows_glu) X(             \
      RowParams, rows_gather) X(RowParams, rows_rms_norm) X(RowParams, rows_rope)                            \
      X(QuantizeParams, quantize) X(LinearParams, gemv) X(LinearParams, skinny_8) X(LinearParams, skinny_16) \
          X(LinearParams, skinny_32) X(LinearParams, skinny_64) X(DenseParams, dense_f16)                    \
              X(DenseParams, dense_bf16) X(DenseParams, dense_f32) X(ArgmaxParams, argmax)                   \
                  X(PackParams, pack_strips) X(ProbeParams, probe_fill) X(ProbeParams, probe_read)           \
                      X(EmitParams, emit_row) X(RotationParams, rotation) X(AttentionParams, rope_append)    \
                          X(AttentionParams, attn_simple) X(AttentionParams, attn_decode_f16_64)             \
                              X(AttentionParams, attn_decode_f16_128) X(AttentionParams, attn_decode_q8_64)  \
                                  X(AttentionParams, attn_decode_q8_128)                                     \
                                      X(AttentionParams, attn_decode16_f16_64)                               \
                                          X(AttentionParams, attn_decode16_f16_128)                          \
                                              X(AttentionParams, attn_decode16_q8_64)                        \
                                                  X(AttentionParams, attn_decode16_q8_128)                   \
                                                      X(AttentionParams, attn_prefill_f16_64)                \
                                                          X(AttentionParams, attn_prefill_f16_128)           \
                                                              X(AttentionParams, attn_prefill_q8_64)         \
                                                                  X(AttentionParams, attn_prefill_q8_128)

class Kernels {
 public:
  static Result<std::unique_ptr<Kernels>> load(const Context& context);
  ~Kernels();
  Kernels(const Kernels&) = delete;
  Kernels& operator=(const Kernels&) = delete;

#define DUNLIN_CUDA_KERNEL_MEMBER(params, name) Kernel<params> name;
  DUNLIN_CUDA_KERNELS(DUNLIN_CUDA_KERNEL_MEMBER)
#undef DUNLIN_CUDA_KERNEL_MEMBER

 private:
  explicit Kernels(const Context& context) : context_(context) {}
  Status bind(const char* name, CUfunction& function) const;

  const Context& context_;
  std::vector<CUmodule> modules_;
};

}  // namespace dunlin::cuda
