// How the CTAs of a kv head bring the partial results of their ranges together, in one trip through memory. A
// word of a partial result is kUnwritten until it is written: who merges reads until all words are there,
// without a count to wait for first, and puts kUnwritten back. Groups of outputs are dealt to the CTAs; one
// warp merges a group.
//
// CTAs do not wait for one another for ever: kernels of another engine may keep some of them from the device,
// which wait for theirs. A warp that has lost patience goes, and the last CTA to arrive, which needs nobody,
// merges the group.
#pragma once

#include "backends/cuda/device/attention_params.h"
#include "backends/cuda/device/early_load.cuh"

namespace dunlin::cuda {

// A NaN that no arithmetic makes.
constexpr uint32_t kUnwritten = 0xffffffffu;
constexpr int kQuadsOfUnit = 4;  // 16 outputs, which have one scale as codes

// Partial results of a row and kv head, [range][quad]: four outputs, and the peak and the sum of
// probabilities that they are relative to.
struct RangeResults {
  float4* outputs;
  float2* weights;
  int n_quads;

  static __device__ __forceinline__ float written(float v) {
    return __float_as_uint(v) == kUnwritten ? __uint_as_float(0x7fffffffu) : v;
  }
  __device__ __forceinline__ void put(int range, int quad, const float (&v)[4], float peak, float sum) const {
    const int64_t at = int64_t(range) * n_quads + quad;
    asm volatile("st.relaxed.gpu.global.v4.f32 [%0], {%1,%2,%3,%4};" ::"l"(outputs + at), "f"(written(v[0])),
                 "f"(written(v[1])), "f"(written(v[2])), "f"(written(v[3]))
                 : "memory");
    asm volatile("st.relaxed.gpu.global.v2.f32 [%0], {%1,%2};" ::"l"(weights + at), "f"(written(peak)),
                 "f"(written(sum))
                 : "memory");
  }
};

// Of a row and kv head.
struct Meeting {
  static constexpr uint32_t kGone = 0x10000, kArrivedMask = kGone - 1;

  // CTAs that have arrived, and kGone for each group whose warp went; zero when the step begins.
  uint32_t* state;
  uint32_t* gone;    // [group], 1: its warp went; zero between launches
  uint32_t n;        // CTAs
  int32_t patience;  // cycles

  // By one thread of a CTA that has written its results, behind a barrier. Returns the state before.
  __device__ __forceinline__ uint32_t arrive() const {
    __threadfence();  // what the CTA wrote, which the barrier has shown to this thread, before the count
    const uint32_t before = atomicAdd(state, 1u);
    __threadfence();
    return before;
  }
  // By one thread of a warp; false: all have arrived, so that the group will come.
  __device__ __forceinline__ bool leave(int group) const {
    for (;;) {
      const uint32_t seen = __ldcg(state);
      if ((seen & kArrivedMask) == n) return false;
      if (atomicCAS(state, seen, seen + kGone) != seen) continue;
      atomicExch(gone + group, 1u);
      return true;
    }
  }
};

// The groups of n_ranges partial results. Four lanes have 16 outputs, a unit: a warp has 8 units of at most 8
// ranges, or, where there are more ranges, one unit that its 8 quads of lanes divide. The order of every sum
// depends on the ranges only.
struct RangeGroups {
  static constexpr int kEach = 8;
  static_assert(kMaxAttentionSplits == 8 * kEach);

  RangeResults results;
  int n_ranges;

  __device__ __forceinline__ bool is_wide() const { return n_ranges > kEach; }
  __device__ __forceinline__ int count() const {
    const int n_units = results.n_quads / kQuadsOfUnit;
    return is_wide() ? n_units : (n_units + 7) / 8;
  }

  // What a lane has of a group: a quad of outputs, of every n_slots-th range from `slot` on: n at most.
  struct Part {
    int quad, slot, n_slots, n;
  };
  __device__ __forceinline__ Part part_of(int group) const {
    const int lane = threadIdx.x % 32, in_unit = lane % kQuadsOfUnit, eighth = lane / kQuadsOfUnit;
    if (is_wide()) return {group * kQuadsOfUnit + in_unit, eighth, 8, (n_ranges + 7) / 8};
    return {(8 * group + eighth) * kQuadsOfUnit + in_unit, 0, 1, n_ranges};
  }

  // By a warp, long before merge(): brings the group's lines into L2, out of which a layer's weights may have
  // pushed them.
  __device__ __forceinline__ void prefetch(int group) const {
    const Part part = part_of(group);
    if (part.quad >= results.n_quads) return;
#pragma unroll 1
    for (int range = part.slot; range < n_ranges; range += part.n_slots) {
      prefetch_l2(results.outputs + range * results.n_quads + part.quad);
      prefetch_l2(results.weights + range * results.n_quads + part.quad);
    }
  }

  // By a warp, as is finish(outputs, i, active): four outputs from the i-th on, if active.
  // False: the meeting has lost patience, and nothing was done.
  template <typename Outputs, typename Finish>
  __device__ __forceinline__ bool merge(int group, const Meeting& meeting, Finish finish) const {
    const Part part = part_of(group);
    const bool has_unit = part.quad < results.n_quads;
    // Lanes without a range or a unit read another lane's: fewer instructions than to read nothing.
    const int quad = min(part.quad, results.n_quads - kQuadsOfUnit + part.quad % kQuadsOfUnit);
    float4 found[kEach];
    float2 weight[kEach];
    const long long begin = clock64();
    for (;;) {
      bool ready = true;
      int range = part.slot;
#pragma unroll
      for (int e = 0; e < kEach; ++e, range += part.n_slots) {
        if (e >= part.n) break;
        const int at = min(range, n_ranges - 1) * results.n_quads + quad;
        asm volatile("ld.relaxed.gpu.global.v4.f32 {%0,%1,%2,%3}, [%4];"
                     : "=f"(found[e].x), "=f"(found[e].y), "=f"(found[e].z), "=f"(found[e].w)
                     : "l"(results.outputs + at)
                     : "memory");
        asm volatile("ld.relaxed.gpu.global.v2.f32 {%0,%1}, [%2];"
                     : "=f"(weight[e].x), "=f"(weight[e].y)
                     : "l"(results.weights + at)
                     : "memory");
      }
#pragma unroll
      for (int e = 0; e < kEach; ++e) {
        if (e >= part.n) break;
        ready = ready && is_written(found[e].x) && is_written(found[e].y) && is_written(found[e].z) &&
                is_written(found[e].w) && is_written(weight[e].x) && is_written(weight[e].y);
      }
      if (__all_sync(0xffffffffu, ready)) break;
      if (meeting.patience < 0 || clock64() - begin < meeting.patience) continue;
      bool left = false;
      if (threadIdx.x % 32 == 0) left = meeting.leave(group);
      if (__shfl_sync(0xffffffffu, left, 0)) return false;
    }
    float top = -INFINITY;
#pragma unroll
    for (int e = 0; e < kEach; ++e) {
      if (e >= part.n) break;
      if (part.slot + part.n_slots * e >= n_ranges) weight[e].x = -INFINITY;
      top = fmaxf(top, weight[e].x);
    }
    const auto over_slots = [&](auto combine) {
      if (part.n_slots == 1) return;
#pragma unroll
      for (int s = 4; s < 32; s *= 2) combine(s);
    };
    over_slots([&](int s) { top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, s)); });
    float total = 0;
    Outputs out;
#pragma unroll
    for (int e = 0; e < kEach; ++e) {
      if (e >= part.n) break;
      const float factor = exp2_approx(weight[e].x - top);
      total += factor * weight[e].y;
      out.add(found[e], factor);
    }
    over_slots([&](int s) {
      total += __shfl_xor_sync(0xffffffffu, total, s);
#pragma unroll
      for (float& v : out.v) v += __shfl_xor_sync(0xffffffffu, v, s);
    });
    const float factor = __fdividef(1, total);
#pragma unroll
    for (float& v : out.v) v *= factor;
    finish(out, 4 * quad, part.slot == 0 && has_unit);
    if (has_unit) put_back(part);
    return true;
  }

 private:
  static __device__ __forceinline__ bool is_written(float v) {
    return __float_as_uint(v) != kUnwritten;
  }
  // Last of all: nobody waits for it.
  __device__ __forceinline__ void put_back(const Part& part) const {
    const float none = __uint_as_float(kUnwritten);
#pragma unroll 1
    for (int range = part.slot; range < n_ranges; range += part.n_slots) {
      const int at = range * results.n_quads + part.quad;
      results.outputs[at] = make_float4(none, none, none, none);
      results.weights[at] = make_float2(none, none);
    }
  }
};

// Of the groups, this CTA's share, by its warps.
template <typename F>
__device__ __forceinline__ void for_own_groups(const RangeGroups& groups, const Meeting& meeting, int warp,
                                               int n_warps, F f) {
  const int n_groups = groups.count();
#pragma unroll 1
  for (int g = int(blockIdx.y) + int(meeting.n) * warp; g < n_groups; g += int(meeting.n) * n_warps) f(g);
}

// By the warps of a CTA that has written its results: this CTA's share of the groups, and of the last CTA to
// arrive also those whose warps went.
template <typename Outputs, typename Finish>
__device__ __forceinline__ void merge_ranges(const RangeGroups& groups, Meeting meeting, int warp,
                                             int n_warps, Finish finish) {
  const int n_groups = groups.count();
  const bool is_first_lane = threadIdx.x % 32 == 0;
  const bool counts = meeting.n > 1 && warp == n_warps - 1;  // most often it has nothing to merge
  __syncthreads();
  if (meeting.n == 1) meeting.patience = -1;  // all is written
  uint32_t before = 0;
  if (counts && is_first_lane) before = meeting.arrive();
  for_own_groups(groups, meeting, warp, n_warps,
                 [&](int g) { groups.template merge<Outputs>(g, meeting, finish); });
  if (!counts) return;
  before = __shfl_sync(0xffffffffu, before, 0);
  int n_gone = (before & Meeting::kArrivedMask) == meeting.n - 1 ? int(before / Meeting::kGone) : 0;
  meeting.patience = -1;
  // A warp is counted before it says which group.
#pragma unroll 1
  for (int g = 0; n_gone > 0; g = g + 1 < n_groups ? g + 1 : 0) {
    uint32_t is_gone = 0;
    if (is_first_lane) is_gone = atomicExch(meeting.gone + g, 0u);
    if (!__shfl_sync(0xffffffffu, is_gone, 0)) continue;
    groups.template merge<Outputs>(g, meeting, finish);
    --n_gone;
  }
}

}  // namespace dunlin::cuda
