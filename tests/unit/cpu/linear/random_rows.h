// Weight rows of any type with random bits and sane scales, and random activations. Deterministic for a seed.
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor/dtype.h"

namespace dunlin::cpu {

enum class RowFill {
  kRandom,   // every bit of the elements and sub-scales random
  kZero,     // all bytes zero
  kExtreme,  // every bit set but for the f16 scales: the largest products
};

// n rows of k elements in the file's order, n * row_bytes(type, k) bytes.
std::vector<uint8_t> make_rows(DType type, int64_t n, int64_t k, uint32_t seed,
                               RowFill fill = RowFill::kRandom);

// Values of both signs over several magnitudes.
std::vector<float> make_activations(int64_t m, int64_t k, uint32_t seed);

// All types that have kernels.
inline constexpr DType kLinearTypes[] = {DType::kQ4_K, DType::kQ6_K, DType::kQ5_K, DType::kQ8_0, DType::kQ5_0,
                                         DType::kQ4_0, DType::kQ4_1, DType::kQ5_1, DType::kQ2_K, DType::kQ3_K,
                                         DType::kF16,  DType::kBF16, DType::kF32};

}  // namespace dunlin::cpu
