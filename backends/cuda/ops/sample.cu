// Tokens from logits, in three kernels for the steps in which some token is not simply that of the largest
// logit; ops/argmax.cu serves the others. L2 holds the logits [rows, n] f32 throughout.
//   sample_peaks   applies penalties; leaves the largest logit of every warp. Grid: (kChoiceParts, rows).
//   sample_gather  bounds what can be kept, from the peaks, and lists it; adds up masses. The same grid.
//   sample_choose  filters and draws (device/choose_token.h), mostly from the list. Grid: (rows).
// Built without contraction of products and sums (core/device/choice_math.h).
#include "backends/cuda/device/choose_token.h"
#include "backends/cuda/device/pdl.cuh"
#include "backends/cuda/device/step_view.h"

namespace dunlin::cuda {
namespace {

constexpr int kPartThreads = kPartWarps * 32;
constexpr int kTeamThreads = 1024;
constexpr unsigned kFullWarp = 0xFFFFFFFFu;

__device__ __forceinline__ uint64_t warp_sum(uint64_t v) {
  for (int step = 16; step > 0; step /= 2) v += __shfl_xor_sync(kFullWarp, (unsigned long long)v, step);
  return v;
}

__device__ __forceinline__ void add_to(uint64_t* sum, uint64_t mass) {
  atomicAdd(reinterpret_cast<unsigned long long*>(sum), (unsigned long long)mass);
}

// A part's ids: [begin, end).
struct Slice {
  int begin, end;
};

__device__ __forceinline__ Slice slice_of(const ChooseParams& p) {
  const int length = slice_length(p.n_valid), begin = min(int(blockIdx.x) * length, p.n_valid);
  return {begin, min(begin + length, p.n_valid)};
}

// Every token of the window once. Its slice's part does it, so that only this CTA reads what it writes.
__device__ void penalize(const ChooseParams& p, const TokenChoice& c, float* logits, const Slice& slice) {
  if (c.n_counts == 0 && !c.counts_own_token) return;
  const auto apply = [&](int token, int count) {
    if (token < slice.begin || token >= slice.end) return;
    logits[token] = penalized_logit(__ldcg(logits + token), count, c.repeat_penalty, c.presence_penalty,
                                    c.frequency_penalty);
  };
  const int own = c.counts_own_token ? __ldcg(p.tokens + __ldcg(p.rows + blockIdx.y)) : -1;
  __shared__ int is_own_counted;
  if (threadIdx.x == 0) is_own_counted = 0;
  __syncthreads();
  for (int i = threadIdx.x; i < c.n_counts; i += kPartThreads) {
    const int token = __ldcg(&p.window_counts[c.first_count + i].token);
    const int count = __ldcg(&p.window_counts[c.first_count + i].count);
    if (token == own) is_own_counted = 1;
    apply(token, count + (token == own ? 1 : 0));
  }
  __syncthreads();
  if (threadIdx.x == 0 && own >= 0 && is_own_counted == 0) apply(own, 1);
  __syncthreads();
}

// The CTA as the team of choose_token().
struct Team {
  uint64_t* warp_sums;  // [32], shared

  template <typename F>
  __device__ __forceinline__ void each(int n, const F& f) {
    for (int i = threadIdx.x; i < n; i += kTeamThreads) f(i);
    __syncthreads();
  }

  // f(is_there, logit, id) by all lanes of a warp together; some loads are on their way at a time.
  template <typename F>
  __device__ __forceinline__ void for_elements(const LogitSource& source, const F& f) {
    constexpr int kUnroll = 4;
    const int lane = threadIdx.x % 32;
    for (int first = threadIdx.x - lane; first < source.n; first += kUnroll * kTeamThreads) {
      float logits[kUnroll];
      int32_t ids[kUnroll];
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) {
        const int i = first + u * kTeamThreads + lane;
        const bool is_there = i < source.n;
        // A list is in shared memory, a row is what other SMs wrote.
        logits[u] = !is_there ? 0.0f : source.ids != nullptr ? source.logits[i] : __ldcg(source.logits + i);
        ids[u] = is_there && source.ids != nullptr ? source.ids[i] : source.first_id + i;
      }
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) {
        const int first_of_warp = first + u * kTeamThreads;
        if (first_of_warp < source.n) f(first_of_warp + lane < source.n, logits[u], ids[u]);
      }
    }
  }

  template <typename F>
  __device__ __forceinline__ void add_up(const LogitSource& source, uint64_t* sums, const F& f) {
    for_elements(source, [&](bool is_there, float logit, int32_t id) {
      PlacedMass e = f(logit, id);
      if (!is_there) e.mass = 0;
      const unsigned with_mass = __ballot_sync(kFullWarp, e.mass != 0);
      if (with_mass == 0) return;
      // Neighbors in id have one digit, and so may many equal logits: one addition for all.
      const int at = __shfl_sync(kFullWarp, e.at, __ffs(int(with_mass)) - 1);
      if (__all_sync(kFullWarp, e.mass == 0 || e.at == at)) {
        const uint64_t sum = warp_sum(e.mass);
        if (threadIdx.x % 32 == 0) add_to(sums + at, sum);
      } else if (e.mass != 0) {
        add_to(sums + e.at, e.mass);
      }
    });
    __syncthreads();
  }

  template <typename F>
  __device__ __forceinline__ uint64_t sum(const LogitSource& source, const F& f) {
    uint64_t own = 0;
    for_elements(source, [&](bool is_there, float logit, int32_t id) { own += is_there ? f(logit, id) : 0; });
    own = warp_sum(own);
    if (threadIdx.x % 32 == 0) warp_sums[threadIdx.x / 32] = own;
    __syncthreads();
    const uint64_t all = warp_sum(warp_sums[threadIdx.x % 32]);
    __syncthreads();
    return all;
  }
};

}  // namespace
}  // namespace dunlin::cuda

extern "C" __global__ void __launch_bounds__(256) sample_peaks(dunlin::cuda::ChooseParams p) {
  using namespace dunlin::cuda;
  pdl_launch_dependents();
  pdl_wait();
  const int row = blockIdx.y;
  if (row >= p.counts[kStepLogitRows]) return;
  float* logits = p.logits + int64_t(row) * p.n;
  const Slice slice = slice_of(p);
  const dunlin::TokenChoice c = p.choices[row];
  penalize(p, c, logits, slice);
  float peak = -INFINITY;
#pragma unroll 8
  for (int i = slice.begin + int(threadIdx.x); i < slice.end; i += kPartThreads) {
    const float v = __ldcg(logits + i);
    // Also NaN fails the comparison.
    peak = fmaxf(peak, v < INFINITY ? v : INFINITY);
  }
  for (int step = 16; step > 0; step /= 2) peak = fmaxf(peak, __shfl_xor_sync(kFullWarp, peak, step));
  if (threadIdx.x % 32 == 0)
    p.peaks[row * kChoicePeaks + int(blockIdx.x) * kPartWarps + int(threadIdx.x / 32)] = peak;
  if (blockIdx.x == 0 && threadIdx.x == 0) p.n_listed[row] = 0;
}

extern "C" __global__ void __launch_bounds__(256) sample_gather(dunlin::cuda::ChooseParams p) {
  using namespace dunlin::cuda;
  static_assert(kPartThreads == kChoicePeaks);
  pdl_launch_dependents();
  pdl_wait();
  const int row = blockIdx.y;
  if (row >= p.counts[kStepLogitRows]) return;
  const dunlin::TokenChoice c = p.choices[row];
  // 1. The largest logit, and the peak whose rank is top_k.
  __shared__ alignas(16) float peaks[kChoicePeaks];
  __shared__ float largest_peak, bound;
  const float peak = __ldcg(p.peaks + row * kChoicePeaks + threadIdx.x);
  peaks[threadIdx.x] = peak;
  __syncthreads();
  int rank = 0;
  for (int i = 0; i < kChoicePeaks; i += 4) {
    const float4 four = *reinterpret_cast<const float4*>(peaks + i);
    const float others[4] = {four.x, four.y, four.z, four.w};
    for (int j = 0; j < 4; ++j)
      rank += others[j] > peak || (others[j] == peak && i + j < int(threadIdx.x)) ? 1 : 0;
  }
  if (rank == 0) largest_peak = peak;
  if (rank == min(max(c.top_k, 1), kChoicePeaks) - 1) bound = peak;
  __syncthreads();
  // 2. The slice: its mass, and what goes into the list.
  const float largest = largest_peak, bar = list_bar(c, largest, bound), temperature = part_temperature(c);
  const bool wants_mass = c.top_k == 0 && largest <= kLargestFloat && largest >= -kLargestFloat;
  const float* logits = p.logits + int64_t(row) * p.n;
  const int64_t list = int64_t(row) * kChoiceListCapacity;
  const Slice slice = slice_of(p);
  uint64_t mass = 0;
#pragma unroll 4
  for (int i = slice.begin + int(threadIdx.x); i < slice.end; i += kPartThreads) {
    const float v = __ldcg(logits + i);
    if (wants_mass) mass += dunlin::choice_mass(v, largest, temperature);
    if (!(v >= bar)) continue;
    const int at = atomicAdd(p.n_listed + row, 1);
    if (at >= kChoiceListCapacity) continue;
    p.list_ids[list + at] = i;
    p.list_logits[list + at] = v;
  }
  __shared__ uint64_t warps[kPartWarps];
  mass = warp_sum(mass);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = mass;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int w = 1; w < kPartWarps; ++w) mass += warps[w];
  p.part_mass[row * kChoiceParts + int(blockIdx.x)] = mass;
}

extern "C" __global__ void __launch_bounds__(1024) sample_choose(dunlin::cuda::ChooseParams p) {
  using namespace dunlin::cuda;
  pdl_launch_dependents();
  pdl_wait();
  const int row = blockIdx.x;
  if (row >= p.counts[kStepLogitRows]) return;
  __shared__ ChooseState state;
  __shared__ uint64_t warp_sums[kTeamThreads / 32], part_mass[kChoiceParts];
  __shared__ float list_logits[kChoiceListCapacity];
  __shared__ int32_t list_ids[kChoiceListCapacity];
  __shared__ float warp_peaks[kTeamThreads / 32];
  // 1. Into shared memory: the list, the parts' masses, the largest of the peaks.
  const int n_listed = __ldcg(p.n_listed + row);
  const int64_t list = int64_t(row) * kChoiceListCapacity;
  for (int i = threadIdx.x; i < min(n_listed, kChoiceListCapacity); i += kTeamThreads) {
    list_logits[i] = __ldcg(p.list_logits + list + i);
    list_ids[i] = __ldcg(p.list_ids + list + i);
  }
  if (threadIdx.x < kChoiceParts)
    part_mass[threadIdx.x] =
        __ldcg(reinterpret_cast<unsigned long long*>(p.part_mass) + row * kChoiceParts + threadIdx.x);
  float largest = __ldcg(p.peaks + row * kChoicePeaks + threadIdx.x % kChoicePeaks);
  for (int step = 16; step > 0; step /= 2)
    largest = fmaxf(largest, __shfl_xor_sync(kFullWarp, largest, step));
  if (threadIdx.x % 32 == 0) warp_peaks[threadIdx.x / 32] = largest;
  __syncthreads();
  largest = warp_peaks[threadIdx.x % 32];
  for (int step = 16; step > 0; step /= 2)
    largest = fmaxf(largest, __shfl_xor_sync(kFullWarp, largest, step));
  // 2. The choice.
  Team team{warp_sums};
  const ChoiceRow view{
      p.logits + int64_t(row) * p.n, p.n_valid, largest, part_mass, list_logits, list_ids, n_listed};
  const int32_t token = choose_token(team, state, p.choices[row], view);
  if (threadIdx.x == 0) p.chosen[row] = token;
}
