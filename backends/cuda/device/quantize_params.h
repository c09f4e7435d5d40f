// Parameters of ops/quantize.cu.
#pragma once

#include <cstdint>
#include <type_traits>

namespace dunlin::cuda {

struct QuantizeParams {
  const float* x;            // [rows][x_stride]
  const float* norm_weight;  // [k]: RMS norm first; or null
  uint8_t* codes256;         // device/activation.h; null: this kind is not wanted
  float* scales256;
  uint32_t* sums256;
  uint8_t* codes32;
  float* scales32;
  const int32_t* counts;
  int32_t count_index;
  int32_t x_stride;
  int32_t k;
  int32_t n_tiles;
  float norm_eps;
  int32_t reserved;
};
static_assert(std::is_trivially_copyable_v<QuantizeParams> && sizeof(QuantizeParams) == 88);

}  // namespace dunlin::cuda
