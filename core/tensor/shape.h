// Shape: up to four dimensions, outermost first, as [tokens, heads, head_dim] or a weight's [rows N, columns
// K].
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "core/base/check.h"
#include "core/base/str_cat.h"

namespace dunlin {

class Shape {
 public:
  static constexpr int kMaxRank = 4;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) {
    DUNLIN_CHECK(dims.size() <= size_t(kMaxRank));
    for (const int64_t d : dims) dims_[size_t(rank_++)] = d;
  }

  int rank() const { return rank_; }
  int64_t operator[](int i) const {
    DUNLIN_CHECK(i >= 0 && i < rank_);
    return dims_[size_t(i)];
  }
  // The innermost dimension: the length of a row.
  int64_t row_elements() const { return rank_ == 0 ? 1 : dims_[size_t(rank_ - 1)]; }
  // The product of all other dimensions.
  int64_t n_rows() const {
    int64_t n = 1;
    for (int i = 0; i + 1 < rank_; ++i) n *= dims_[size_t(i)];
    return n;
  }
  int64_t elements() const { return n_rows() * row_elements(); }
  void append(int64_t dim) {
    DUNLIN_CHECK(rank_ < kMaxRank);
    dims_[size_t(rank_++)] = dim;
  }
  bool operator==(const Shape&) const = default;

  std::string to_string() const {
    std::string out = "[";
    for (int i = 0; i < rank_; ++i) out += str_cat(i ? ", " : "", dims_[size_t(i)]);
    return out + "]";
  }

 private:
  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

}  // namespace dunlin
