// Parameters of ops/attention*.cu.
#pragma once

#include <vector_types.h>

#include <cstdint>
#include <type_traits>

#include "backends/cuda/device/kv_layout.h"
#include "backends/cuda/device/linear_params.h"
#include "backends/cuda/device/step_view.h"

namespace dunlin::cuda {

struct AttentionParams {
  StepView step;
  KvView kv;
  // f32 rows as the linears left them: [row][heads * head_dim].
  float* q;
  const float* k;
  const float* v;
  float* out;
  const float* q_norm;  // [head_dim]: RMS norm of every head first; or null
  const float* k_norm;
  const float2* cos_sin;  // [row][n_rot / 2], ops/embed.cu; n_rot 0: no rotation
  float norm_eps;
  float scale;  // of q k^T
  int32_t n_rot;
  int32_t window;  // 0: no limit
  int32_t n_head;
  // attn_decode: partial results, [row][kv head][split][group * head_dim / 4], all words kUnwritten between
  // launches, and how CTAs meet, [row][kv head] and [row][kv head][group * head_dim / 16]:
  // ops/range_merge.cuh.
  float4* range_outputs;
  float2* range_weights;
  uint32_t* meetings;  // this layer's, zero when the step begins
  uint32_t* gone;      // zero between launches
  int32_t n_splits;
  int32_t patience;      // cycles that a warp of attn_decode waits for the CTAs of its kv head
  RowEmission emission;  // attn_decode of a single row
};
static_assert(std::is_trivially_copyable_v<AttentionParams>);

// Warps of a CTA of attn_decode, 16 tokens each at a time: a range of 128 tokens is on its way at once.
inline constexpr int32_t kDecodeWarps = 8;
// More ranges are more partial results to merge.
inline constexpr int32_t kMaxAttentionSplits = 64;
// A range is a multiple of this: of what the warps take at a time.
inline constexpr int32_t kSplitTokens = 16 * kDecodeWarps;
// So many tokens are one range: a second turn of the warps takes less than merging partial results.
inline constexpr int32_t kUnsplitTokens = 2 * kSplitTokens;
// Query rows of a CTA of attn_prefill.
inline constexpr int32_t kPrefillTileRows = 64;

// Dynamic shared memory of attn_decode: what each warp found, [warp][group][head_dim] f32.
constexpr int32_t attn_decode_shared_bytes(int32_t group, int32_t head_dim) {
  return kDecodeWarps * group * head_dim * int32_t(sizeof(float));
}

}  // namespace dunlin::cuda
