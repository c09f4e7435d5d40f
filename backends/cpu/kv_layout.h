// KvLayout: where the keys and values of 128 consecutive tokens lie in one KV block of one layer.
//
//   block = kv head 0 | kv head 1 | ...             each head_bytes long, 64-byte aligned parts
//   head  = K | K scales (not F16) | V | V scales (not F16)
//
//   type  part      layout                                  element
//   F16   K         [8 key groups][head_dim][16 keys]       f16
//         V         [128 tokens][padded_head_dim]           f16
//   Q8_0  K         [8 key groups][head_dim/4][16 keys][4]  u8 = q + 128, q in -127..127
//         K scales  [8 key groups][scale_blocks][16 keys]   f16
//         V         [32 token quads][padded_head_dim][4]    i8 = q
//         V scales  [scale_blocks][128 tokens]              f16
//   FP8   K         [8 key groups][head_dim][16 keys]       e4m3
//         K scales  [8 key groups][16 keys]                 f16
//         V         [128 tokens][padded_head_dim]           e4m3
//         V scales  [128 tokens]                            f16
//
// Keys are vector lanes in K, dimensions are lanes in V. In Q8_0 four elements lie side by side along the sum
// of the products that they are in: dimensions in K, tokens in V. Q8_0 has one scale per 32 dimensions of a
// token and kv head (the last one covers the rest of a head_dim that is no multiple of 32), as the weight
// format of that name: one scale per head would lose the small channels of models with large key biases
// (Qwen2.5). K's bytes are biased so that they are the unsigned operand of vpdpbusd. FP8 has one scale for a
// token and kv head (core/device/kv_fp8.h): its codes bring exponents of their own.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/device/kv_fp8.h"
#include "core/device/kv_spec.h"

namespace dunlin::cpu {

inline constexpr int kKvBlockTokens = 128;
inline constexpr int kKvGroupKeys = 16;   // keys that lie side by side in K
inline constexpr int kKvScaleDims = 32;   // dimensions that share a Q8_0 scale
inline constexpr int kKvQuadTokens = 4;   // tokens that lie side by side in V of Q8_0
inline constexpr int kKvPaddedDims = 16;  // V rows are padded to a multiple of this
inline constexpr int kMaxHeadDim = 256;
inline constexpr uint8_t kKvKeyBias = 128;
// An e4m3's exponent and mantissa are those of a half that is smaller by this factor.
inline constexpr float kE4m3Unit = 256.0f;
inline constexpr int16_t kE4m3HalfMask = int16_t(0xBFFF);  // all but the highest bit of a half's exponent

// Plain data, filled by make_kv_layout. Offsets and sizes in bytes; offsets count from the head's first byte.
struct KvLayout {
  KvType type;
  int32_t n_kv_heads;
  int32_t head_dim;
  int32_t padded_head_dim;
  int32_t scale_blocks;  // Q8_0: ceil(head_dim / 32); FP8: 1; F16: 0
  int64_t k_scales_offset;
  int64_t v_offset;
  int64_t v_scales_offset;
  int64_t head_bytes;
  int64_t block_bytes;  // n_kv_heads * head_bytes
};

// head_dim 16..256, a multiple of 8.
bool supports_kv_head_dim(int head_dim);

// n_kv_heads >= 1 and supports_kv_head_dim(head_dim), both checked by DUNLIN_CHECK.
KvLayout make_kv_layout(KvType type, int n_kv_heads, int head_dim);

}  // namespace dunlin::cpu
