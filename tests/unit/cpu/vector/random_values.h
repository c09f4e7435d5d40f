// Random f32 values of both signs over several magnitudes. Deterministic for a seed.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace dunlin::cpu {

inline std::vector<float> random_values(int64_t n, uint32_t seed, float deviation = 1.0f) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<float> values(size_t(n), 0.0f);
  for (float& value : values) value = random() % 32 == 0 ? 8.0f * normal(random) : normal(random);
  return values;
}

}  // namespace dunlin::cpu
