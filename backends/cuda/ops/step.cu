// step_begin: brings the step's inputs from pinned host memory, the token ring's way in. Tokens that the host
// does not know yet are what the step before has chosen. One CTA of 1024.
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/device/row_params.h"

extern "C" __global__ void __launch_bounds__(1024) step_begin(dunlin::cuda::StepBeginParams p) {
  dunlin::cuda::pdl_wait();
  const int n_more = p.n_more_at >= 0 ? int(__ldcv(p.from + p.n_more_at)) : 0;
  for (int i = threadIdx.x; i < p.n_words; i += blockDim.x) {
    auto word = int32_t(__ldcv(p.from + i));
    const int token = i - p.tokens_at;
    if (word < 0 && token >= 0 && token < p.n_tokens) {
      // No choice could be made of logits that are not finite: the host will say so, any token does.
      const int row = -1 - word;
      word = row < p.n_chosen ? max(0, __ldcg(p.chosen + row)) : 0;
    }
    p.to[i] = uint32_t(word);
  }
  for (int i = threadIdx.x; i < p.n_zeroed; i += blockDim.x) p.zeroed[i] = 0;
  for (int i = threadIdx.x; i < n_more; i += blockDim.x) p.to[p.n_words + i] = __ldcv(p.from + p.n_words + i);
}

// step_end: brings results to pinned host memory; the last word, the step's number, after all others.
extern "C" __global__ void __launch_bounds__(128) step_end(dunlin::cuda::CopyParams p) {
  dunlin::cuda::pdl_wait();
  const int n = p.n_words - 1;
  for (int i = threadIdx.x; i < n; i += blockDim.x) p.to[i] = __ldcg(p.from + i);
  __threadfence_system();
  __syncthreads();
  if (threadIdx.x == 0) *reinterpret_cast<volatile uint32_t*>(p.to + n) = __ldcg(p.from + n);
}
