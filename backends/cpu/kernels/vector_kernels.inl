// All vector kernels of one ISA, written once over the vectors of the simd_*.inl file that comes before this
// one.

#include "backends/cpu/kernels/exp.inl"
//
#include "backends/cpu/kernels/elementwise.inl"
#include "backends/cpu/kernels/logits.inl"
#include "backends/cpu/kernels/quantize_dims.inl"
#include "backends/cpu/kernels/rms_norm.inl"
#include "backends/cpu/kernels/rope.inl"
//
#include "backends/cpu/kernels/e4m3.inl"
//
#include "backends/cpu/kernels/kv_store.inl"
//
#include "backends/cpu/kernels/attention_block.inl"
//
#include "backends/cpu/kernels/weighted_values_q8.inl"
//
#include "backends/cpu/kernels/attention_page.inl"
//
#include "backends/cpu/kernels/attention.inl"

constexpr VectorKernelTable make_vector_table(const char* isa) {
  return {isa,  add,    scale,         silu_mul, gelu_tanh_mul,  exp_all,           rms_norm,
          rope, argmax, softmax_stats, kv_store, attention_tile, attention_partial, attention_merge};
}
