// VectorKernelTable: the CPU kernels that are no matrix products, one table per ISA. Included by the ISA
// units, so it holds only plain data and declarations.
//
// All functions are pure apart from their outputs, allocate nothing and may run on any number of threads, as
// long as their outputs do not overlap. Pointers need only their element's alignment unless stated. n may be
// 0. Sums have a fixed order, so equal inputs give equal bits on one ISA; the units of the attention
// functions give the same bits however they are split over threads.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "backends/cpu/kv_layout.h"

namespace dunlin::cpu {

struct SoftmaxStats {
  float max;   // -inf if n is 0
  double sum;  // of exp(x[i] - max); log-sum-exp = max + log(sum)
};

// One sequence's chunk of new tokens in one layer. The token t has position + t, its keys and values are
// already stored, and it sees the keys of the positions max(0, position + t - window + 1) .. position + t.
struct AttentionCall {
  const KvLayout* layout;
  int32_t n_heads;  // a multiple of layout->n_kv_heads; head h reads kv head h / (n_heads / n_kv_heads)
  float scale;      // of q . k, usually 1 / sqrt(head_dim)
  float softcap;    // score = softcap * tanh(score / softcap); 0: none
  int32_t window;   // 0: none
  int32_t position;
  int32_t n_tokens;
  const float* q;  // [n_tokens, n_heads, head_dim], q_stride floats from token to token
  int64_t q_stride;
  float* out;  // [n_tokens, n_heads, head_dim], out_stride floats from token to token; may be q
  int64_t out_stride;
  const uint8_t* kv_base;  // block id i of this layer is at kv_base + i * kv_block_stride, 64-byte aligned
  int64_t kv_block_stride;
  const int32_t*
      block_table;  // entry j: the block id of the positions 128 j .. 128 j + 127; unseen pages are not read
};

struct VectorKernelTable {
  const char* isa;  // "generic", "avx2", "avxvnni", "avx512vnni", "neon_dotprod",
                    // "neon_i8mm"

  // Element-wise; out may be an input.
  void (*add)(const float* x, const float* y, float* out, int64_t n);
  void (*scale)(const float* x, float factor, float* out, int64_t n);
  void (*silu_mul)(const float* gate, const float* up, float* out, int64_t n);       // silu(gate) * up
  void (*gelu_tanh_mul)(const float* gate, const float* up, float* out, int64_t n);  // gelu_tanh(gate) * up
  void (*exp)(const float* x, float* out, int64_t n);  // within 2 ulp; 0 below -87.33, inf above 88.73

  // out = x / sqrt(mean(x^2) + eps) * weight for each of n_rows rows of n; the rows share weight[n]. Strides
  // in floats; out may be x. With n = head_dim and n_rows = heads it is the q/k norm.
  void (*rms_norm)(const float* x, int64_t x_stride, const float* weight, float eps, float* out,
                   int64_t out_stride, int64_t n_rows, int64_t n);

  // Rotates the pairs (i, i + n_rot / 2) of each of n_heads heads in place (neox pairs). cos and sin [n_rot /
  // 2] are those of the position; head_stride in floats; dimensions from n_rot on stay.
  void (*rope)(float* x, int64_t head_stride, int64_t n_heads, int64_t n_rot, const float* cos,
               const float* sin);

  // Over logits. NaN never wins; the lowest index wins a tie; 0 if n is 0 or all are NaN.
  int64_t (*argmax)(const float* x, int64_t n);
  SoftmaxStats (*softmax_stats)(const float* x, int64_t n);

  // Writes k and v [n_kv_heads, head_dim] (contiguous heads) of one token at index 0..127 of a block, for the
  // kv heads head_begin .. head_end - 1. F16 saturates at +-65504.
  void (*kv_store)(const KvLayout* layout, uint8_t* block, int index, int head_begin, int head_end,
                   const float* k, const float* v);

  // Prefill unit: writes out for the tokens token_begin .. token_end - 1 and the query heads of kv_head. At
  // most attention_tile_tokens() tokens.
  void (*attention_tile)(const AttentionCall* call, int kv_head, int token_begin, int token_end,
                         void* scratch);

  // Decode unit: the partial results of all tokens for the query heads of kv_head on the pages page_begin ..
  // page_end - 1, which lie inside attention_pages(). For few tokens and many keys.
  void (*attention_partial)(const AttentionCall* call, int kv_head, int page_begin, int page_end,
                            float* partials, void* scratch);

  // Writes out for all tokens and the query heads head_begin .. head_end - 1 from the partials of all pages:
  // the same bits as attention_tile.
  void (*attention_merge)(const AttentionCall* call, int head_begin, int head_end, const float* partials);
};

extern const VectorKernelTable kVectorKernelsGeneric;
#if defined(__x86_64__)
extern const VectorKernelTable kVectorKernelsAvx2;
extern const VectorKernelTable kVectorKernelsAvxVnni;
extern const VectorKernelTable kVectorKernelsAvx512Vnni;
#elif defined(__aarch64__)
extern const VectorKernelTable kVectorKernelsNeonDotprod;
extern const VectorKernelTable kVectorKernelsNeonI8mm;
#endif

// The tables of all instruction sets that this build has, best first, "generic" last, null-terminated;
// whether the CPU can run them is for platforms/cpu_features.h to say.
const VectorKernelTable* const* vector_tables();
// The table of this name, or null.
const VectorKernelTable* find_vector_table(const char* isa);

}  // namespace dunlin::cpu
