#include "tests/unit/cpu/linear/random_rows.h"

#include <cmath>
#include <cstring>
#include <random>

#include "core/base/half.h"

namespace dunlin::cpu {
namespace {

// Offsets of the f16 scales in a block, -1 where there is none.
struct ScaleOffsets {
  int first;
  int second;
};

ScaleOffsets scale_offsets(DType type) {
  switch (type) {
    case DType::kQ4_K:
    case DType::kQ5_K:
    case DType::kQ4_1:
    case DType::kQ5_1:
      return {0, 2};
    case DType::kQ4_0:
    case DType::kQ5_0:
    case DType::kQ8_0:
      return {0, -1};
    case DType::kQ2_K:
      return {80, 82};
    case DType::kQ3_K:
      return {108, -1};
    case DType::kQ6_K:
      return {208, -1};
    default:
      return {-1, -1};
  }
}

void put_half(uint8_t* block, int offset, float value) {
  if (offset < 0) return;
  const uint16_t half = f32_to_f16(value);
  std::memcpy(block + offset, &half, sizeof half);
}

void put_element(DType type, uint8_t* p, float value) {
  const uint16_t half = type == DType::kF16 ? f32_to_f16(value) : f32_to_bf16(value);
  if (type == DType::kF32) {
    std::memcpy(p, &value, sizeof value);
  } else {
    std::memcpy(p, &half, sizeof half);
  }
}

}  // namespace

std::vector<uint8_t> make_rows(DType type, int64_t n, int64_t k, uint32_t seed, RowFill fill) {
  const DTypeInfo& info = dtype_info(type);
  std::vector<uint8_t> rows(size_t(n) * row_bytes(type, uint64_t(k)));
  if (fill == RowFill::kZero) return rows;
  std::mt19937 rng(seed);
  std::uniform_real_distribution<float> scale(-0.02f, 0.02f);
  const ScaleOffsets offsets = scale_offsets(type);
  for (size_t at = 0; at < rows.size(); at += info.block_bytes) {
    uint8_t* block = rows.data() + at;
    if (!info.quantized) {
      put_element(type, block, fill == RowFill::kExtreme ? 1000.0f : 50.0f * scale(rng));
      continue;
    }
    for (uint32_t i = 0; i < info.block_bytes; ++i)
      block[i] = fill == RowFill::kExtreme ? 0xFF : uint8_t(rng());
    put_half(block, offsets.first, fill == RowFill::kExtreme ? 1.0f : scale(rng));
    put_half(block, offsets.second, fill == RowFill::kExtreme ? -1.0f : scale(rng));
  }
  return rows;
}

std::vector<float> make_activations(int64_t m, int64_t k, uint32_t seed) {
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal;
  std::vector<float> x(size_t(m * k));
  for (float& v : x) {
    v = normal(rng);
    if (rng() % 64 == 0) v *= 20.0f;
  }
  return x;
}

}  // namespace dunlin::cpu
