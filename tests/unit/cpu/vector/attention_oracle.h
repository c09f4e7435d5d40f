// What attention must give, in double: softmax over all visible keys at once, keys and values as the cache
// holds them, queries as the kernels see them (Q8_0 keys meet int8 queries, a scale per 32 dimensions).
#pragma once

#include <vector>

#include "backends/cpu/kernels/vector.h"

namespace dunlin::cpu {

struct OracleRow {
  std::vector<double> out;        // [head_dim]
  std::vector<double> magnitude;  // sum of p * |v|: what rounding errors of the sums are measured against
  std::vector<double> weight_rounding;  // most that rounding Q8_0's weights may add; 0 for F16
  double score_magnitude;  // largest sum of |q * k| * scale: the same for scores; at least the soft cap
};

// One query head of one of the call's tokens.
OracleRow oracle_attention(const AttentionCall& call, int token, int head);

}  // namespace dunlin::cpu
