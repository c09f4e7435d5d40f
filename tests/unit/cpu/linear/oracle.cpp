#include "tests/unit/cpu/linear/oracle.h"

#include <cmath>
#include <cstring>

#include "core/base/half.h"

namespace dunlin::cpu {
namespace {

double half_at(const uint8_t* p) {
  uint16_t half;
  std::memcpy(&half, p, sizeof half);
  return f16_to_f32(half);
}

// Element e of a 32-element block with nibbles qs and, if any, fifth bits qh.
int element_of_32(const uint8_t* qs, const uint8_t* qh, int e) {
  const int nibble = e < 16 ? qs[e] & 15 : qs[e - 16] >> 4;
  return qh == nullptr ? nibble : nibble + 16 * ((qh[e / 8] >> (e % 8)) & 1);
}

OracleGroup decode_32(DType type, const uint8_t* b) {
  const bool has_min = type == DType::kQ4_1 || type == DType::kQ5_1;
  const bool five = type == DType::kQ5_0 || type == DType::kQ5_1;
  const uint8_t* rest = b + (has_min ? 4 : 2);
  // value = d q + m = d q - dmin * 1 with dmin = -m
  OracleGroup group{half_at(b), has_min ? -half_at(b + 2) : 0.0, 1, has_min ? 1 : 0, std::vector<int>(32)};
  const int center = type == DType::kQ4_0 ? 8 : type == DType::kQ5_0 ? 16 : 0;
  for (int e = 0; e < 32; ++e) {
    group.q[size_t(e)] = type == DType::kQ8_0
                             ? int(int8_t(rest[e]))
                             : element_of_32(rest + (five ? 4 : 0), five ? rest : nullptr, e) - center;
  }
  return group;
}

void six_bit_scale(const uint8_t* sc, int j, int& scale, int& minimum) {
  if (j < 4) {
    scale = sc[j] & 63;
    minimum = sc[j + 4] & 63;
  } else {
    scale = (sc[j + 4] & 15) + 16 * (sc[j - 4] >> 6);
    minimum = (sc[j + 4] >> 4) + 16 * (sc[j] >> 6);
  }
}

int element_of_256(DType type, const uint8_t* b, int e) {
  const int n = e / 128, k = e % 128 / 32, l = e % 32;  // Q6_K, Q3_K, Q2_K
  const int c = e / 64;                                 // Q4_K, Q5_K
  const bool high = e % 64 >= 32;
  switch (type) {
    case DType::kQ4_K:
      return high ? b[16 + 32 * c + l] >> 4 : b[16 + 32 * c + l] & 15;
    case DType::kQ5_K:
      return (high ? b[48 + 32 * c + l] >> 4 : b[48 + 32 * c + l] & 15) + 16 * ((b[16 + l] >> (e / 32)) & 1);
    case DType::kQ6_K: {
      const uint8_t ql = b[64 * n + 32 * (k % 2) + l];
      return (k < 2 ? ql & 15 : ql >> 4) + 16 * ((b[128 + 32 * n + l] >> (2 * k)) & 3) - 32;
    }
    case DType::kQ3_K:
      return ((b[32 + 32 * n + l] >> (2 * k)) & 3) - ((b[l] >> (e / 32)) & 1 ? 0 : 4);
    default:
      return (b[16 + 32 * n + l] >> (2 * k)) & 3;  // Q2_K
  }
}

OracleGroup group_of_256(DType type, const uint8_t* b, int g) {
  OracleGroup group{};
  switch (type) {
    case DType::kQ4_K:
    case DType::kQ5_K:
      group.d = half_at(b);
      group.dmin = half_at(b + 2);
      six_bit_scale(b + 4, g, group.scale, group.minimum);
      break;
    case DType::kQ6_K:
      group.d = half_at(b + 208);
      group.scale = int8_t(b[192 + g]);
      break;
    case DType::kQ3_K: {
      const uint8_t* sc = b + 96;
      group.d = half_at(b + 108);
      group.scale =
          ((g < 8 ? sc[g] & 15 : sc[g - 8] >> 4) | ((sc[8 + g % 4] >> (2 * (g / 4))) & 3) << 4) - 32;
      break;
    }
    default:  // Q2_K
      group.d = half_at(b + 80);
      group.dmin = half_at(b + 82);
      group.scale = b[g] & 15;
      group.minimum = b[g] >> 4;
  }
  return group;
}

OracleResult dense_dot(DType type, const uint8_t* row, const float* x, int64_t k) {
  OracleResult result{};
  for (int64_t i = 0; i < k; ++i) {
    float w = 0.0f;
    uint16_t half = 0;
    if (type == DType::kF32) {
      std::memcpy(&w, row + 4 * i, sizeof w);
    } else {
      std::memcpy(&half, row + 2 * i, sizeof half);
      w = type == DType::kF16 ? f16_to_f32(half) : bf16_to_f32(half);
    }
    result.value += double(w) * double(x[i]);
    result.magnitude += std::abs(double(w) * double(x[i]));
  }
  return result;
}

}  // namespace

std::vector<OracleGroup> decode_row(DType type, const uint8_t* row, int64_t k) {
  const DTypeInfo& info = dtype_info(type);
  std::vector<OracleGroup> groups;
  for (int64_t b = 0; b < k / info.block_elements; ++b) {
    const uint8_t* block = row + b * info.block_bytes;
    if (info.block_elements == 32) {
      groups.push_back(decode_32(type, block));
      continue;
    }
    const int elements = type == DType::kQ4_K || type == DType::kQ5_K ? 32 : 16;
    for (int g = 0; g < 256 / elements; ++g) {
      OracleGroup group = group_of_256(type, block, g);
      for (int e = 0; e < elements; ++e) group.q.push_back(element_of_256(type, block, elements * g + e));
      groups.push_back(group);
    }
  }
  return groups;
}

OracleToken quantize_token(ActivationLayout layout, const float* x, int64_t k) {
  OracleToken token{layout == ActivationLayout::kA256 ? 256 : 32, std::vector<int>(size_t(k)), {}};
  for (int64_t begin = 0; begin < k; begin += token.block) {
    float a = 0.0f;
    for (int64_t i = begin; i < begin + token.block; ++i) a = std::fmax(a, std::fabs(x[i]));
    const bool zero = a < kSmallestAmax;
    token.d.push_back(zero ? 0.0f : a / 127.0f);
    for (int64_t i = begin; i < begin + token.block; ++i)
      token.q[size_t(i)] = zero ? 0 : int(std::nearbyint(x[i] * (127.0f / a)));
  }
  return token;
}

OracleResult oracle_dot(DType type, const uint8_t* row, const float* x, int64_t k) {
  if (!dtype_info(type).quantized) return dense_dot(type, row, x, k);
  const OracleToken token = quantize_token(activation_layout(type), x, k);
  OracleResult result{};
  int64_t i = 0;
  for (const OracleGroup& group : decode_row(type, row, k)) {
    const double d_a = token.d[size_t(i / token.block)];
    int64_t dot = 0, sum = 0;
    for (const int q : group.q) {
      dot += int64_t(q) * token.q[size_t(i)];
      sum += token.q[size_t(i)];
      ++i;
    }
    const double product = d_a * group.d * group.scale * double(dot);
    const double least = d_a * group.dmin * group.minimum * double(sum);
    result.value += product - least;
    result.magnitude += std::abs(product) + std::abs(least);
  }
  return result;
}

}  // namespace dunlin::cpu
