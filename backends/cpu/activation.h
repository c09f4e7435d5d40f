// Activations as the matrix kernels read them. Quantized layouts keep one row of blocks a token, so that a
// layout depends neither on the kernel nor on the number of tokens, and one quantized row serves every matrix
// that reads the same vector (q, k, v; gate, up).
//
//   A256  K-quants:          one scale for 256 values
//   A32   32-element blocks: one scale for 32 values
//   F32   dense weights:     the values themselves
//
// For one block of values x: a = max |x|, q = round_half_even(x * (127 / a)), d = a / 127; a block with
// a < kSmallestAmax is zero. (ggml's Q8_K takes the sign of the largest value into d. It cancels: rounding to
// even is symmetric, so q and d change sign together.) The integer sums let kernels take zero points and
// minimums out of the inner loop. Plain data, borrowed by whoever computes with it.
#pragma once

#include <cstdint>

#include "core/tensor/dtype.h"

namespace dunlin::cpu {

enum class ActivationLayout : uint8_t { kF32, kA32, kA256 };

// 127 / a must stay finite.
inline constexpr float kSmallestAmax = 1e-35f;

struct A256Block {
  int8_t q[256];
  // Where an accumulator of Q6_K starts: -32 times the sum of each 16 q. Where accumulators have 16 bits
  // (AVX2), -32 times the sum of those q[i] with i % 4 < 2 in the low half, and of the others in the high
  // half.
  int32_t centers[16];
  int16_t sum32[8];  // sums of 32 q; |sum| <= 4064
  int16_t sum16[16];
  float d;
  uint32_t unused[3];
};
static_assert(sizeof(A256Block) == 384);

struct A32Block {
  int8_t q[32];
  float d;
  int32_t minus8_sum;  // -8, -16, -128 times the sum of q: where a Q4_0, Q5_0, Q8_0 accumulator starts
  int32_t minus16_sum;
  int32_t minus128_sum;
};
static_assert(sizeof(A32Block) == 48);

// The layout that the kernels of this weight type read.
ActivationLayout activation_layout(DType weight);
const char* activation_layout_name(ActivationLayout layout);

// Values of a block.
int64_t activation_block(ActivationLayout layout);

// Bytes of one token. k: a multiple of the layout's block (256, 32, 1).
int64_t activation_row_bytes(ActivationLayout layout, int64_t k);
inline int64_t activation_bytes(ActivationLayout layout, int64_t m, int64_t k) {
  return m * activation_row_bytes(layout, k);
}

}  // namespace dunlin::cpu
