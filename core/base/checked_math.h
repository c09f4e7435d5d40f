// Checked arithmetic for sizes that come from outside bytes.
#pragma once

#include <cstdint>
#include <optional>

namespace dunlin {

inline std::optional<uint64_t> checked_add(uint64_t a, uint64_t b) {
  uint64_t out = 0;
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}

inline std::optional<uint64_t> checked_mul(uint64_t a, uint64_t b) {
  uint64_t out = 0;
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

// a rounded up to a multiple of a power of two.
inline std::optional<uint64_t> checked_align_up(uint64_t a, uint64_t alignment) {
  const auto sum = checked_add(a, alignment - 1);
  if (!sum) return std::nullopt;
  return *sum & ~(alignment - 1);
}

}  // namespace dunlin
