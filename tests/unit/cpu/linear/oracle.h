// What a matrix product must give: the file's blocks decoded bit by bit, activations quantized by the rule of
// activation.h, dot products in integers, sums in double. Independent of the packed layouts and of
// core/quant.
#pragma once

#include <cstdint>
#include <vector>

#include "backends/cpu/activation.h"
#include "core/tensor/dtype.h"

namespace dunlin::cpu {

// A run of elements with one scale: element e is d * scale * q[e] - dmin * minimum.
struct OracleGroup {
  double d;
  double dmin;
  int scale;
  int minimum;
  std::vector<int> q;
};

// A row of a quantized type.
std::vector<OracleGroup> decode_row(DType type, const uint8_t* row, int64_t k);

// A token: q and d for every block of the layout.
struct OracleToken {
  int64_t block;
  std::vector<int> q;
  std::vector<float> d;
};
OracleToken quantize_token(ActivationLayout layout, const float* x, int64_t k);

struct OracleResult {
  double value;
  double magnitude;  // sum of the terms' absolute values: what rounding errors are measured against
};

OracleResult oracle_dot(DType type, const uint8_t* row, const float* x, int64_t k);

}  // namespace dunlin::cpu
