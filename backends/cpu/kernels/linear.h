// The contract of the matrix kernels: y[t][r] = sum_k W[r][k] x[t][k], W packed (pack.h), x in the layout of
// activation.h, y f32. A kernel table lists, per instruction set, which function computes what; selecting a
// row is looking at data. Everything here is plain data or stateless: any number of threads may call a kernel
// at once on disjoint panel or token ranges, and no kernel allocates or fails.
//
// On one instruction set a result depends only on its row and its token: not on the number of tokens, the
// range a call covers, or the kernel that the table picks.
#pragma once

#include <cstdint>

#include "backends/cpu/activation.h"
#include "backends/cpu/pack.h"
#include "core/tensor/dtype.h"

namespace dunlin::cpu {

enum class LinearOp : uint8_t {
  kLinear,  // y = W x, plus what the epilogue asks for
  kGlu,     // y = act(W x) * (U x)
};

enum class GluActivation : uint8_t { kSilu, kGeluTanh };

// What happens to a result y of token t and row r. All addresses are those of token 0 and row 0.
struct LinearEpilogue {
  float* out = nullptr;                             // out[t * out_stride + r]
  int64_t out_stride = 0;                           // in floats
  const float* bias = nullptr;                      // kLinear: [n], added to y; or null
  bool accumulate = false;                          // kLinear: out += y (a residual stream); else out = y
  GluActivation activation = GluActivation::kSilu;  // kGlu
};

struct LinearArgs {
  PackedMatrix weight;                   // kGlu: the gate
  PackedMatrix up;                       // kGlu: same type, n and k as the gate
  const uint8_t* activations = nullptr;  // of token 0; rows of activation_row_bytes(layout, k)
  int64_t token_begin = 0;
  int64_t token_end = 0;
  int64_t panel_begin = 0;
  int64_t panel_end = 0;
  LinearEpilogue epilogue;
};

using LinearFn = void (*)(const LinearArgs& args);

struct LinearKernel {
  LinearOp op;
  DType weight;
  WeightLayout layout;
  ActivationLayout activations;
  int32_t m_min;  // tokens that a call may have; results are right for any count in the range
  int32_t m_max;
  int32_t cost;  // the cheapest eligible row wins
  LinearFn run;
  const char* name;  // "avx512vnni/linear_q4_k_32x6"
};

struct QuantizeArgs {
  const float* x = nullptr;  // [m, k]
  int64_t x_stride = 0;      // floats between tokens
  int64_t k = 0;
  uint8_t* dst = nullptr;  // of token 0, aligned to 16 bytes
  int64_t token_begin = 0;
  int64_t token_end = 0;
};

using QuantizeFn = void (*)(const QuantizeArgs& args);

struct QuantizeKernel {
  ActivationLayout layout;
  QuantizeFn run;
  const char* name;
};

// All matrix kernels of one instruction set.
struct LinearTable {
  const char* isa;  // "generic", "avx2", ...: the names of platforms/cpu_features.h
  WeightLayout layout;
  const LinearKernel* kernels;
  int32_t n_kernels;
  const QuantizeKernel* quantize;
  int32_t n_quantize;
};

}  // namespace dunlin::cpu
